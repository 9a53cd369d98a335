/** Validates the environment once; the rest of the code gets it as a value. */
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
   * Host names that requests to the API may carry: those of the loopback and of `PUBLIC_URL`, for a server on the loopback
   * without API keys. Null allows every name.
   */
  knownHosts: string[] | null;
}

const schemas = Object.fromEntries(Object.entries(SETTINGS).map(([name, { schema }]) => [name, schema]));
const Environment = z.object(schemas as { [Name in keyof Settings]: Settings[Name]['schema'] });

/**
 * Reads all settings from the environment.
 *
 * @param env the environment. An empty variable counts as not set.
 * @param projectFolder absolute; `DATA_DIR` is relative to it.
 * @throws {StartupError} with a line for each wrong variable: its value, and the values that are allowed.
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

/** @throws {StartupError} when other machines can reach the server and it has no API keys. */
function assertNotOpenToAll({ host, apiKeys, allowAnonymous }: Values): void {
  if (apiKeys.length > 0 || allowAnonymous || isLoopback(host)) return;
  throw new StartupError(
    `Other machines can reach HOST="${host}", and anybody there could upload and delete. Set API_KEYS (name:key, with a key from "openssl rand -hex 32"), or set ALLOW_ANONYMOUS=true to allow that.`,
  );
}

/** Returns the host names by which this machine, and no other, reaches a server on its loopback. */
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
