/** Four players in Chromium, driven alike. What would hide a fault is off: none of them jumps over a gap. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { openPage } from './browser.ts';

export const PLAYERS = ['dash.js', 'Shaka Player', 'hls.js', 'native HLS'] as const;
export type PlayerName = (typeof PLAYERS)[number];

const SCRIPTS: Partial<Record<PlayerName, string>> = {
  'dash.js': 'dashjs',
  'Shaka Player': 'shaka-player',
  'hls.js': 'hls.js/dist/hls.min.js',
};

/** What a page with a player has as its globals. */
export interface PlayerPage {
  audio: HTMLAudioElement;
  driver: {
    /** Waits until it is known what plays, and goes there. */
    goTo(seconds: number): Promise<void>;
    /** Resolves when playing has come to the end. */
    ended: Promise<void>;
    /** Plays a rendition from the next segment on that is loaded; they are counted by bit rate, the lowest first. */
    choose(index: number): void;
    errors: string[];
    /** How often it ran dry while it played. */
    stalls: number;
    /** The furthest that was played, in seconds. */
    reached: number;
  };
}

/** The whole of a short track. */
const BUFFER_SECONDS = 60;

export interface Stream {
  /** Absolute. */
  manifestUrl: string;
  hlsUrl: string;
}

export interface PlayerOptions {
  /** Where it begins, in seconds. The player must know: one that is sent elsewhere while it starts may go back. */
  from?: number;
  /** Renditions that it is made to change to, one after each segment that it has loaded. */
  choices?: readonly number[];
  /** Server of the page; that of the stream by default. */
  at?: string | undefined;
  /** Other origins that the page may ask. */
  alsoFrom?: readonly string[];
}

/** Opens a page where that player has loaded the stream, paused where it is to begin. */
export async function openPlayer(
  name: PlayerName,
  { manifestUrl, hlsUrl }: Stream,
  { from = 0, choices = [], at = manifestUrl, alsoFrom = [] }: PlayerOptions = {},
): Promise<Page> {
  const page = await openPage(new URL('/healthz', at).href, { alsoFrom });
  const script = SCRIPTS[name];
  if (script) {
    const content = await readFile(createRequire(import.meta.url).resolve(script), 'utf8');
    await page.addScriptTag({ content });
  }
  await page.evaluate(watchAudio, { choices: [...choices], isElsewhere: alsoFrom.length > 0 });
  const isDash = name === 'dash.js' || name === 'Shaka Player';
  const url = isDash ? manifestUrl : hlsUrl;
  await page.evaluate(DRIVERS[name], { url, from, bufferSeconds: BUFFER_SECONDS });
  return page;
}

/** Runs on the page. Makes the element, counts how often it runs dry, and has renditions chosen. */
function watchAudio({ choices, isElsewhere }: { choices: number[]; isElsewhere: boolean }): void {
  const audio = document.createElement('audio');
  // Without it, Chromium's own HLS plays nothing of another origin.
  if (isElsewhere) audio.crossOrigin = 'anonymous';
  document.body.append(audio);
  const driver = { errors: [] as string[], stalls: 0, reached: 0, choose: (_index: number) => {} };
  const ended = new Promise<void>((resolve) => {
    audio.addEventListener('ended', () => resolve(), { once: true });
  });
  audio.addEventListener('error', () => driver.errors.push(`${audio.error?.code} ${audio.error?.message}`));
  audio.addEventListener('timeupdate', () => {
    driver.reached = Math.max(driver.reached, audio.currentTime);
  });
  // Filling the buffer after a seek is no stall; running dry while it plays is. Waiting with audio in the buffer is a
  // slow machine, and at the end it is dash.js that seeks there.
  let playedFrom = Number.POSITIVE_INFINITY;
  audio.addEventListener('seeking', () => {
    playedFrom = Number.POSITIVE_INFINITY;
  });
  audio.addEventListener('playing', () => {
    playedFrom = audio.currentTime;
  });
  audio.addEventListener('waiting', () => {
    const { buffered, currentTime, duration, seeking } = audio;
    const ahead = buffered.length > 0 ? buffered.end(buffered.length - 1) - currentTime : 0;
    if (!seeking && currentTime > playedFrom && ahead < 0.2 && duration - currentTime > 0.1) driver.stalls++;
  });
  new PerformanceObserver((list) => {
    for (const { name } of list.getEntries()) {
      const choice = name.endsWith('.m4s') ? choices.shift() : undefined;
      if (choice !== undefined) driver.choose(choice);
    }
  }).observe({ type: 'resource' });
  const happens = (name: string) =>
    new Promise((resolve) => audio.addEventListener(name, resolve, { once: true }));
  const goTo = async (seconds: number) => {
    if (audio.readyState < 1) await happens('loadedmetadata');
    if (seconds === audio.currentTime) return;
    const seeked = happens('seeked');
    audio.currentTime = seconds;
    await seeked;
  };
  Object.assign(window, { audio, driver: Object.assign(driver, { ended, goTo }) });
}

type Driver = (stream: { url: string; from: number; bufferSeconds: number }) => void | Promise<void>;

/** Each runs on the page. */
const DRIVERS: Record<PlayerName, Driver> = {
  'dash.js': ({ url, from, bufferSeconds }) => {
    const { audio, driver } = window as unknown as PlayerPage;
    const { MediaPlayer } = (window as unknown as { dashjs: typeof import('dashjs') }).dashjs;
    const player = MediaPlayer().create();
    player.updateSettings({
      streaming: {
        gaps: { jumpGaps: false, jumpLargeGaps: false },
        buffer: {
          bufferTimeDefault: bufferSeconds,
          bufferTimeAtTopQuality: bufferSeconds,
          bufferTimeAtTopQualityLongForm: bufferSeconds,
          fastSwitchEnabled: false,
        },
        abr: { autoSwitchBitrate: { audio: false } },
      },
    });
    player.on(MediaPlayer.events.ERROR, ({ error }) =>
      driver.errors.push(typeof error === 'string' ? error : `dash.js error ${error.code}: ${error.message}`),
    );
    // Five times a second it looks whether the end is reached, and when it is first it pauses and seeks, so that the
    // element's `ended` never comes.
    driver.ended = new Promise((resolve) => {
      player.on('playbackEnded', () => {
        driver.reached = Math.max(driver.reached, audio.currentTime);
        resolve();
      });
    });
    driver.choose = (index) => player.setRepresentationForTypeByIndex('audio', index);
    player.initialize(audio, url, false, from);
  },

  'Shaka Player': async ({ url, from, bufferSeconds }) => {
    const { audio, driver } = window as unknown as PlayerPage;
    // biome-ignore lint/suspicious/noExplicitAny: its types are those of a global script
    const { Player } = (window as any).shaka;
    const player = new Player();
    await player.attach(audio);
    player.configure({
      abr: { enabled: false },
      streaming: { bufferingGoal: bufferSeconds, gapJumpTimerTime: 0, stallEnabled: false },
    });
    player.addEventListener('error', ({ detail }: { detail: { code: number } }) =>
      driver.errors.push(`Shaka error ${detail.code}`),
    );
    driver.choose = (index) => {
      const tracks = player.getVariantTracks() as { bandwidth: number }[];
      player.selectVariantTrack(tracks.sort((a, b) => a.bandwidth - b.bandwidth)[index], false);
    };
    await player.load(url, from);
  },

  'hls.js': ({ url, from, bufferSeconds }) => {
    const { audio, driver } = window as unknown as PlayerPage;
    const { Hls } = window as unknown as { Hls: typeof import('hls.js').default };
    const hls = new Hls({
      maxBufferLength: bufferSeconds,
      maxMaxBufferLength: bufferSeconds,
      maxBufferHole: 0,
      nudgeMaxRetry: 0,
      startPosition: from,
    });
    hls.on(Hls.Events.ERROR, (_event, { details, fatal }) => {
      if (fatal) driver.errors.push(details);
    });
    // Its levels are sorted by bit rate.
    driver.choose = (index) => {
      hls.loadLevel = index;
    };
    hls.loadSource(url);
    hls.attachMedia(audio);
  },

  'native HLS': ({ url, from }) => {
    (window as unknown as PlayerPage).audio.src = `${url}#t=${from}`;
  },
};

export interface Played {
  ended: boolean;
  duration: number;
  reached: number;
  /** Ranges that the whole track made in the buffer. */
  buffered: [number, number][];
  stalls: number;
  errors: string[];
}

/** Plays from `from` on until the end, or until nothing moves any more. */
export async function playToEnd(page: Page, from = 0): Promise<Played> {
  return page.evaluate(async (from) => {
    const { audio, driver } = window as unknown as PlayerPage;
    await driver.goTo(from);
    await audio.play();
    const timedOut = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 25_000));
    const ended = await Promise.race([driver.ended.then(() => true), timedOut]);
    const buffered: [number, number][] = [];
    for (let n = 0; n < audio.buffered.length; n++)
      buffered.push([audio.buffered.start(n), audio.buffered.end(n)]);
    const { errors, stalls, reached } = driver;
    return { ended, duration: audio.duration, reached, buffered, stalls, errors };
  }, from);
}
