/** Logs requests, without credentials. */
import { describe, expect, it } from 'vitest';
import { loggedUrl } from '../../src/http/logged-url.ts';
import { request, until } from '../support/client.ts';
import { startServer } from '../support/server.ts';

const KEY = 'phone-key-0123456789-0123456789-0123456789';
const SIGNATURE = 'tp36w0.kJ8aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';

describe('an address in the log', () => {
  it.each([
    ['/files', '/files'],
    ['/files?limit=5&cursor=MjAy&q=a%20b', '/files?limit=5&cursor=MjAy&q=a%20b'],
    ['/upload?wait=ready&', '/upload?wait=ready&'],
    ['/stream/a.mp3/manifest?CMCD=sid%3D%22x%22', '/stream/a.mp3/manifest?CMCD=sid%3D%22x%22'],
    ['/files/%E0%A4%A?q=%', '/files/%E0%A4%A?q=%'],
  ])('is logged unchanged without credentials: %s', (url, shown) => {
    expect(loggedUrl(url)).toBe(shown);
  });

  it.each([
    [`/files?access_token=${KEY}`, '/files?access_token=[redacted]'],
    [`/files?limit=1&api_key=${KEY}&q=a`, '/files?limit=1&api_key=[redacted]&q=a'],
    [`/files?access%5Ftoken=${KEY}`, '/files?[redacted]'],
    [`/files?token=${KEY}=${KEY}`, '/files?token=[redacted]'],
    [`/files?${KEY}`, '/files?[redacted]'],
    [`/files?${KEY}=`, '/files?[redacted]'],
    [`/files?x;key=${KEY}`, '/files?[redacted]&key=[redacted]'],
    [`/files#access_token=${KEY}`, '/files?access_token=[redacted]'],
    [`/files;password=${KEY}`, '/files?password=[redacted]'],
    [`/signed/${SIGNATURE}/a.mp3/manifest`, '/signed/[redacted]/a.mp3/manifest'],
    [`//signed/${SIGNATURE}/a.mp3`, '//signed/[redacted]/a.mp3'],
    [`/%73igned/${SIGNATURE}`, '/%73igned/[redacted]'],
  ])('has its credentials redacted: %s', (url, shown) => {
    expect(loggedUrl(url)).toBe(shown);
  });

  it('has its credentials redacted also if the request is refused', async () => {
    const server = await startServer({ API_KEYS: `phone:${KEY}`, LOG_LEVEL: 'trace' });
    const secret = 'secret-value-0123456789';
    const headers = { authorization: `Bearer ${KEY}` };
    for (const path of ['files', 'files/none.mp3', 'nowhere', 'events', 'files?limit=x', 'docs/x']) {
      const query = `${path.includes('?') ? '&' : '?'}access_token=${secret}`;
      await request(`${server.url}/${path}${query}`, { headers: path === 'events' ? {} : headers });
    }
    await request(`${server.url}/signed/${SIGNATURE}/none.mp3/manifest?key=${secret}`);
    await until(() => expect(server.logged.filter((line) => line.includes('"request"'))).toHaveLength(7));
    expect(server.logged.join('')).not.toMatch(new RegExp(`${secret}|${KEY}|${SIGNATURE}`));
    await server.close();
  });
});
