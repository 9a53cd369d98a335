/** Records what an audio element plays, sample by sample, and finds where it lies in the source. */
import type { Page } from 'playwright-core';
import { fromBase64 } from './browser.ts';
import type { PlayerPage } from './players.ts';

/** Runs in the audio thread: hands over each block that is played. */
const RECORDER = `registerProcessor('recorder', class extends AudioWorkletProcessor {
  process([[left, right]]) {
    if (left) this.port.postMessage([left.slice(), right.slice()]);
    return true;
  }
});`;

export interface Recording {
  left: Float32Array;
  right: Float32Array;
}

/**
 * Plays a stereo stream from `from` seconds on to the end, once it is loaded, and records it from before the first
 * sample on.
 */
export async function record(
  page: Page,
  { sampleRate, from = 0 }: { sampleRate: number; from?: number },
): Promise<Recording> {
  const { left, right } = await page.evaluate(
    async ({ module, sampleRate, from }) => {
      const { audio, driver } = window as unknown as PlayerPage;
      const context = new AudioContext({ sampleRate });
      await context.audioWorklet.addModule(`data:text/javascript,${encodeURIComponent(module)}`);
      const recorder = new AudioWorkletNode(context, 'recorder');
      const blocks: [left: BlobPart, right: BlobPart][] = [];
      recorder.port.onmessage = ({ data }) => blocks.push(data);
      context.createMediaElementSource(audio).connect(recorder).connect(context.destination);
      await context.resume();

      await driver.goTo(from);
      // A busy machine must not make it run dry in the midst: that would be a gap, and none of the joints'.
      while (
        audio.buffered.length === 0 ||
        audio.buffered.end(audio.buffered.length - 1) < audio.duration - 0.1
      )
        await new Promise((resolve) => setTimeout(resolve, 20));
      await audio.play();
      await driver.ended;
      // What is on its way through the graph comes before this does.
      await context.suspend();
      await context.close();
      const asText = async (parts: BlobPart[]) => {
        const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
        let text = '';
        for (let at = 0; at < bytes.length; at += 32_768)
          text += String.fromCharCode(...bytes.subarray(at, at + 32_768));
        return btoa(text);
      };
      return {
        left: await asText(blocks.map(([channel]) => channel)),
        right: await asText(blocks.map(([, channel]) => channel)),
      };
    },
    { module: RECORDER, sampleRate, from },
  );
  return { left: fromBase64(left), right: fromBase64(right) };
}
