/** Plays one track at a time, with a choice of quality. */
import { titleOf } from './api.js';
import { playByDash } from './dash-engine.js';
import { byId, element, showError } from './dom.js';
import { showEncoded } from './encoded-bar.js';
import { needsHls, playByHls } from './hls-engine.js';

/** @typedef {import('./api.js').Track} Track */

const SHOW_EVERY_MS = 500;

export function createPlayer() {
  const section = byId('player', HTMLElement);
  const title = byId('playing', HTMLElement);
  const audio = byId('audio', HTMLAudioElement);
  const bar = byId('encoded', HTMLElement);
  const quality = byId('quality', HTMLSelectElement);
  const now = byId('now', HTMLElement);
  const errorPlace = byId('player-error', HTMLElement);
  /** @type {Track | undefined} */
  let track;
  /** @type {import('./dash-engine.js').Engine | undefined} */
  let engine;

  const stop = () => {
    engine?.stop();
    engine = undefined;
    track = undefined;
    section.hidden = true;
  };

  const showNow = () => {
    if (!track || !engine) return;
    const id = engine.playing();
    const playing = track.renditions.find((rendition) => rendition.id === id);
    const parts = [playing ? kilobits(playing.bitRate) : '', `${secondsAhead(audio)} s buffered`];
    now.textContent = parts.filter((part) => part !== '').join(' · ');
  };
  setInterval(showNow, SHOW_EVERY_MS);
  quality.addEventListener('change', () => {
    showError(errorPlace, '');
    engine?.choose(quality.value);
  });

  /** @param {Track} changed */
  const update = (changed) => {
    if (changed.filename !== track?.filename) return;
    track = changed;
    bar.hidden = track.status !== 'processing';
    showEncoded(bar, track);
  };

  return {
    update,
    /** @param {Track} wanted */
    play(wanted) {
      if (wanted.manifestUrl === null) return;
      // Keep the quality of the last track if this track has that rendition.
      const chosen = quality.value;
      stop();
      showError(errorPlace, '');
      track = wanted;
      title.textContent = titleOf(track);
      section.hidden = false;
      update(track);
      quality.replaceChildren(
        option('Auto', ''),
        ...track.renditions.map(({ id, bitRate }) => option(kilobits(bitRate), id)),
      );
      quality.value = track.renditions.some(({ id }) => id === chosen) ? chosen : '';
      const start = needsHls(audio) ? playByHls : playByDash;
      engine = start(audio, track, (message) =>
        showError(errorPlace, `This track cannot be played: ${message}`),
      );
      engine.choose(quality.value);
      showNow();
    },
    /** @param {string} filename  of a deleted track */
    forget(filename) {
      if (filename === track?.filename) stop();
    },
  };
}

/** @param {number} bitsPerSecond */
const kilobits = (bitsPerSecond) => `${Math.round(bitsPerSecond / 1000)} kbit/s`;

/**
 * @param {string} text
 * @param {string} value
 */
function option(text, value) {
  const made = element('option', { text });
  made.setAttribute('value', value);
  return made;
}

/** Returns the whole seconds that are buffered from the current position on. */
function secondsAhead(/** @type {HTMLAudioElement} */ { buffered, currentTime }) {
  for (let n = 0; n < buffered.length; n++) {
    if (buffered.start(n) <= currentTime && currentTime <= buffered.end(n))
      return Math.floor(buffered.end(n) - currentTime);
  }
  return 0;
}
