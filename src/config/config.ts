/** The environment, validated once and passed on as a value. */
import { isIP } from 'node:net';
import path from 'node:path';
import * as z from 'zod';
import { StartupError } from '../errors.ts';
import { SECRETS, SETTINGS } from './settings.ts';

type Settings = typeof SETTINGS;
type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<CamelCase<Tail>>}`
  : Lowercase<Name>;

/** The value of each setting: `MAX_UPLOAD_BYTES` is `maxUploadBytes`. `settings.ts` describes them. */
type Values = { [Name in keyof Settings as CamelCase<Name>]: z.output<Settings[Name]['schema']> };

export interface Config extends Values {
  /**
   * Host names that requests to the API may name: those of the loopback and of `PUBLIC_URL`, for a server without keys on the
   * loopback. Null allows every name.
   */
  knownHosts: string[] | null;
}

const schemas = Object.fromEntries(Object.entries(SETTINGS).map(([name, { schema }]) => [name, schema]));
const Environment = z.object(schemas as { [Name in keyof Settings]: Settings[Name]['schema'] });

/**
 * @param env the environment; an empty variable counts as one that is not set.
 * @param projectFolder absolute; `DATA_DIR` is relative to it.
 * @throws {StartupError} naming every wrong variable, its value, and what is allowed.
 */
export function parseConfig(env: Record<string, string | undefined>, projectFolder: string): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = Environment.safeParse(given);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => {
      const name = String(issue.path[0]);
      const shown = SECRETS.has(name) ? name : `${name}="${given[name] ?? ''}"`;
      return `${shown} is not valid: it must be ${issue.message}.`;
    });
    throw new StartupError(lines.join('\n'));
  }
  const values = Object.entries(parsed.data).map(([name, value]) => [camelCase(name), value]);
  const config = Object.fromEntries(values) as Values;
  assertNotOpenToAll(config);
  return {
    ...config,
    dataDir: path.resolve(projectFolder, config.dataDir),
    knownHosts: config.apiKeys.length === 0 && isLoopback(config.host) ? loopbackHosts(config) : null,
  };
}

/** @throws {StartupError} when others can reach the server and it asks for no key. */
function assertNotOpenToAll({ host, apiKeys, allowAnonymous }: Values): void {
  if (apiKeys.length > 0 || allowAnonymous || isLoopback(host)) return;
  throw new StartupError(
    `HOST="${host}" can be reached from other machines, and everybody there could upload and delete. Set API_KEYS (name:key, the key from "openssl rand -hex 32"), or ALLOW_ANONYMOUS=true if that is what you want.`,
  );
}

/** Names under which only this machine reaches a server on its loopback. */
function loopbackHosts({ host, publicUrl }: Values): string[] {
  const own = isIP(host) === 6 ? `[${host}]` : host.toLowerCase();
  const given = publicUrl === '' ? [] : [new URL(publicUrl).hostname];
  return [...new Set(['localhost', '127.0.0.1', '[::1]', own, ...given])];
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function camelCase(name: string): string {
  return name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}
