/** Sidecars in a bucket. A PUT is durable at once. */
import type { Sidecars } from './disk-sidecars.ts';
import type { Bucket } from './s3-bucket.ts';
import { sidecarKey, sidecarPrefix } from './s3-keys.ts';
import { assertSidecarName } from './sidecar-name.ts';

export function createS3Sidecars(bucket: Bucket): Sidecars {
  const keyOf = (home: string, name: string) => {
    assertSidecarName(name);
    return sidecarKey(home, name);
  };
  return {
    async putSidecar(home, name, bytes) {
      await bucket.put(keyOf(home, name), bytes);
    },
    async readSidecar(home, name) {
      return bucket.get(keyOf(home, name));
    },
    async listSidecars(home) {
      const prefix = sidecarPrefix(home);
      return (await bucket.list(prefix)).map(({ key }) => key.slice(prefix.length));
    },
    async removeSidecar(home, name) {
      await bucket.remove(keyOf(home, name));
    },
  };
}
