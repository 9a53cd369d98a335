/** Addresses at which clients read segments from the bucket: public ones below the address of a CDN, or signed ones. */
import { homePrefix, segmentKey } from './s3-keys.ts';
import { type Credentials, createPresigner, keyPath, type Presigner } from './s3-presigned.ts';
import type { SegmentAddresses } from './storage.ts';

/**
 * Addresses that are made within the same quarter of an hour are equal, so that caches of clients keep the segments. They are
 * valid until the end of the next one.
 */
const WINDOW_MS = 15 * 60_000;
/** The clock of the S3 server may be behind by this. */
const SKEW_MS = 5 * 60_000;
/** New addresses can be used for so long at least. */
const USABLE_MS = 60_000;
/** The SDK gets new temporary credentials when those that it has expire within this time. */
const RENEWED_BEFORE_MS = 5 * 60_000;

type TemporaryCredentials = Credentials & { expiration?: Date };

export interface SignedAddressesOptions {
  /** Address of the bucket, as clients reach it. */
  bucket: URL;
  region: string;
  /** Resolves with the current credentials. */
  credentials(): Promise<TemporaryCredentials>;
}

/** Returns addresses below one that anybody may read, such as that of a CDN in front of the bucket. */
export function publicAddresses(url: string): SegmentAddresses {
  // A manifest has a template of addresses, in which `$` begins a variable (23009-1 clause 5.3.9.4.4).
  const root = url.replaceAll('$', '%24');
  const folderOf = (home: string) => `${root}/${keyPath(homePrefix(home))}`;
  return {
    origin: new URL(root).origin,
    folderOf,
    of: (home, name) => `${root}/${keyPath(segmentKey(home, name))}`,
  };
}

/** A signer, and until when it is used. */
interface Signing {
  presign: Presigner;
  /** Milliseconds since 1970. */
  renewAt: number;
  endsAt: number;
}

/**
 * Returns addresses that are signed by the credentials of the bucket. They are renewed in the background; where that does not
 * come in time, there are no addresses.
 */
export async function signedAddresses(options: SignedAddressesOptions): Promise<SegmentAddresses> {
  let signing = await createSigning(options);
  let isRenewing = false;

  const renew = async () => {
    if (isRenewing) return;
    isRenewing = true;
    try {
      signing = await createSigning(options);
    } catch {
      // The next call tries again. The calls of the storage itself tell what is wrong with the credentials.
    } finally {
      isRenewing = false;
    }
  };

  return {
    origin: options.bucket.origin,
    folderOf: () => undefined,
    of(home, name) {
      const now = Date.now();
      if (now >= signing.renewAt) void renew();
      return now < signing.endsAt ? signing.presign(segmentKey(home, name)) : undefined;
    },
  };
}

async function createSigning({ bucket, region, credentials }: SignedAddressesOptions): Promise<Signing> {
  const current = await credentials();
  const window = Math.floor(Date.now() / WINDOW_MS) * WINDOW_MS;
  const from = window - SKEW_MS;
  const validUntil = window + 2 * WINDOW_MS;
  const seconds = (validUntil - from) / 1000;
  const expiresAt = current.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
  return {
    presign: createPresigner({ bucket, region, credentials: current, from: new Date(from), seconds }),
    renewAt: Math.min(window + WINDOW_MS, expiresAt - RENEWED_BEFORE_MS),
    endsAt: Math.min(validUntil, expiresAt) - USABLE_MS,
  };
}
