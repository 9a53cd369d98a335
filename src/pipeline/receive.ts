/** Stores a stream as an upload. */
import type { ArrivingUpload, ReceivedUpload } from '../storage/storage.ts';

/** Writes a stream to an upload and finishes it. Nothing is left of the upload when it throws as the stream or the disk does. */
export async function receiveInto(
  arriving: ArrivingUpload,
  stream: AsyncIterable<Buffer>,
): Promise<ReceivedUpload> {
  try {
    for await (const chunk of stream) await arriving.write(chunk);
    return await arriving.finish();
  } catch (error) {
    await arriving.discard();
    throw error;
  }
}
