import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { helpText, settingsTable } from '../../src/config/help.ts';
import { SETTINGS } from '../../src/config/settings.ts';

const manual = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');

it('docs/configuration.md has the generated table of settings (`npm run docs` writes it)', () => {
  expect(manual).toContain(`\n${settingsTable()}\n`);
});

it('--help lists every setting, in lines of at most 100 characters', () => {
  const lines = helpText().split('\n');
  for (const name of Object.keys(SETTINGS))
    expect(lines.some((line) => line.startsWith(`  ${name}`))).toBe(true);
  expect(lines.filter((line) => line.length > 100)).toEqual([]);
});

/** Settings that go together. */
const SHARED = {
  DATABASE_URL: 'postgres://app@127.0.0.1/app',
  S3_BUCKET: 'tracks',
  S3_ACCESS_KEY_ID: 'id',
  S3_SECRET_ACCESS_KEY: 'secret',
};

describe('the example of', () => {
  it.each(Object.entries(SETTINGS))('%s is valid, and is not the default', (name, { example, usual }) => {
    const value = example.replace('$(openssl rand -hex 32)', '0123456789abcdef0123456789abcdef');
    const shared = /^(DATABASE|S3|ROLE|STREAM_FROM|CDN)/.test(name) ? SHARED : {};
    const direct = /^(CDN_URL|S3_PUBLIC_ENDPOINT)$/.test(name) ? { STREAM_FROM: 's3' } : {};
    const env = { ALLOW_ANONYMOUS: 'true', ...shared, ...direct, [name]: value };
    expect(() => parseConfig(env, '/project')).not.toThrow();
    expect(example).not.toBe(usual);
  });
});
