/** Sound made in code. */

export interface Sound {
  sampleRate: number;
  channels: number;
  /** Interleaved, 16 bits. */
  pcm: Int16Array;
}

/** White noise: a shift by one sample shows, and so does everything that is lost or played twice. */
export function noise(options: {
  samples: number;
  sampleRate?: number;
  channels?: number;
  seed?: number;
}): Sound {
  const { samples, sampleRate = 44_100, channels = 1, seed = 1 } = options;
  const pcm = new Int16Array(samples * channels);
  let state = seed * 2_654_435_761;
  for (let n = 0; n < pcm.length; n++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    pcm[n] = state >> 18;
  }
  return { sampleRate, channels, pcm };
}
