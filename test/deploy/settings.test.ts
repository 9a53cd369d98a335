/** Settings and secrets in the files of `deploy/`. */
import { describe, expect, it } from 'vitest';
import { SECRETS, SETTINGS } from '../../src/config/settings.ts';
import { deployDocuments, deployFiles, deployText, deployYaml, type Yaml } from './deploy-files.ts';

/** What other programs read. */
const OF_OTHERS = /^(NODE_ENV|(POSTGRES|GARAGE)_[A-Z_]+)$/;
const isSecret = (name: string) => SECRETS.has(name) || /PASSWORD|SECRET|KEY/.test(name);

type Named = [file: string, name: string, value: unknown];

const compose: Named[] = Object.values<Yaml>(deployYaml('compose.yml').services).flatMap((service) =>
  Object.entries(service.environment ?? {}).map(([name, value]): Named => ['compose.yml', name, value]),
);
const kubernetes: Named[] = deployFiles
  .filter((file) => file.endsWith('.yaml') && !file.endsWith('kustomization.yaml'))
  .flatMap((file) => deployDocuments(file).flatMap((object) => namedIn(file, object)));
const systemd: Named[] = deployFiles
  .filter((file) => /^systemd\/.*\.(service|env)$/.test(file))
  .flatMap((file) =>
    [...deployText(file).matchAll(/^(?:Environment=|#)?([A-Z][A-Z0-9_]+)=(.*)$/gm)].map(
      ([, name, value]): Named => [file, name as string, value],
    ),
  );
const all: Named[] = [...compose, ...kubernetes, ...systemd];

/** Returns the variables of a ConfigMap, of a Secret or of a Deployment. */
function namedIn(file: string, object: Yaml): Named[] {
  if (object.kind === 'ConfigMap' || object.kind === 'Secret') {
    return Object.entries({ ...object.data, ...object.stringData }).map(([name, value]) => [
      file,
      name,
      value,
    ]);
  }
  const containers = object.spec?.template?.spec.containers ?? [];
  return containers.flatMap(({ env = [] }: Yaml) => env.map(({ name, value }: Yaml) => [file, name, value]));
}

describe('deploy/', () => {
  it('names settings that the server has', () => {
    expect(compose.length).toBeGreaterThan(20);
    expect(kubernetes.length).toBeGreaterThan(15);
    expect(systemd.length).toBeGreaterThan(8);
    const unknown = all.filter(([, name]) => !(name in SETTINGS) && !OF_OTHERS.test(name));
    expect(unknown).toEqual([]);
  });

  it('gives settings values that the server takes', () => {
    const wrong = all.flatMap(([file, name, value]) => {
      const setting = SETTINGS[name as keyof typeof SETTINGS];
      const isFilledIn = typeof value === 'string' && value !== '' && !/[$%]/.test(value);
      if (setting === undefined || !isFilledIn || setting.schema.safeParse(value).success) return [];
      return [`${file}: ${name}=${value}`];
    });
    expect(wrong).toEqual([]);
  });

  it('has no secret, and no default for one', () => {
    const given = all.filter(([, name]) => isSecret(name)).filter(([, , value]) => !isWithoutSecret(value));
    expect(given).toEqual([]);
    const texts = deployFiles.map((file) => [file, deployText(file)] as const);
    const addresses = texts.filter(([, text]) => /:\/\/[\w.-]+:(?!\$\{|password@)[^@\s/]+@/.test(text));
    expect(addresses.map(([file]) => file)).toEqual([]);
  });

  it('finds a secret where there is one', () => {
    const variable = (rest: string) => `$${`{X${rest}}`}`;
    const secrets = ['hunter2', variable(':-hunter2'), variable('-hunter2'), 'postgres://a:hunter2@b/c'];
    for (const value of secrets) expect(isWithoutSecret(value), value).toBe(false);
    for (const value of ['', variable(''), variable(':?set it'), variable(':-')]) {
      expect(isWithoutSecret(value), value).toBe(true);
    }
  });
});

/** Returns whether a value is empty, or only names a variable without a default, or with an empty one. */
function isWithoutSecret(value: unknown): boolean {
  if (value === undefined || value === '') return true;
  if (typeof value !== 'string') return false;
  const withoutVariables = value.replace(/\$\{[A-Z0-9_]+(:\?[^}]*|:-)?\}/g, '');
  return withoutVariables === '' || withoutVariables === 'postgres://audio:@postgres/audio';
}
