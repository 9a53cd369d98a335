/** The guarantees of `SegmentAddresses` in `src/storage/storage.ts`, for every storage that has them. */
import { beforeEach, expect, it } from 'vitest';
import type { SegmentAddresses, Storage } from '../../src/storage/storage.ts';

const NAME = 'aac-128k-3f9a2c1b-00001.m4s';
const BYTES = Buffer.from('a segment of sound');
const HOMES = ['7d3f9f0e-8f4e-4b8a-9a55-6a1f6f5b3c21', "Grüße #1 (it's).mp3"];

export function addressesContract(open: () => Promise<Storage>): void {
  let storage: Storage;
  let addresses: SegmentAddresses;
  beforeEach(async () => {
    storage = await open();
    if (!storage.addresses) throw new Error('this storage has no addresses');
    addresses = storage.addresses;
  });
  const addressOf = (home: string) => addresses.of(home, NAME) ?? 'none';

  it.each(HOMES)('give a client a segment of %s, whole or in part, for caches to keep', async (home) => {
    await storage.putSegment(home, NAME, BYTES);
    const whole = await fetch(addressOf(home));
    expect(whole.status).toBe(200);
    expect(Buffer.from(await whole.arrayBuffer()).equals(BYTES)).toBe(true);
    expect(whole.headers.get('content-type')).toBe('audio/mp4');
    expect(whole.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    const part = await fetch(addressOf(home), { headers: { range: 'bytes=2-8' } });
    expect([part.status, await part.text()]).toEqual([206, 'segment']);
  });

  it('are equal for a while, so that caches find what they have', () => {
    expect(addressOf('home')).toBe(addressOf('home'));
  });

  it('are of one origin', () => {
    for (const home of HOMES) expect(new URL(addressOf(home)).origin).toBe(addresses.origin);
  });

  it('are those below the address of the home, if it has one', async () => {
    for (const home of HOMES) {
      const folder = addresses.folderOf(home);
      if (folder !== undefined) expect(folder + NAME).toBe(addresses.of(home, NAME));
    }
  });

  it('give nothing of a segment that is not stored', async () => {
    expect([403, 404]).toContain((await fetch(addressOf('home'))).status);
    await storage.putSegment('home', NAME, BYTES);
    await storage.removeHome('home');
    expect([403, 404]).toContain((await fetch(addressOf('home'))).status);
  });

  it.each(['..', '.', '', 'a/b', 'a\0'])('refuse the name "%s"', (name) => {
    expect(() => addresses.of(name, NAME)).toThrow();
    expect(() => addresses.of('home', name)).toThrow();
  });
}
