/** Plays one track at a time with dash.js. */
import { here } from './api.js';
import { byId, showError } from './dom.js';
import { showEncoded } from './encoded-bar.js';

/** @typedef {import('./api.js').Track} Track */

export function createPlayer() {
  const section = byId('player', HTMLElement);
  const title = byId('playing', HTMLElement);
  const audio = byId('audio', HTMLAudioElement);
  const bar = byId('encoded', HTMLElement);
  const errorPlace = byId('player-error', HTMLElement);
  /** @type {import('dashjs').MediaPlayerClass | undefined} */
  let dash;
  let playing = '';

  const stop = () => {
    dash?.destroy();
    dash = undefined;
    playing = '';
    section.hidden = true;
  };

  /** @param {Track} track  as it is now */
  const update = (track) => {
    if (track.filename !== playing) return;
    bar.hidden = track.status !== 'processing';
    showEncoded(bar, track);
  };

  return {
    update,
    /** @param {Track} track */
    play(track) {
      if (track.manifestUrl === null) return;
      stop();
      showError(errorPlace, '');
      playing = track.filename;
      title.textContent = track.originalName || track.filename;
      section.hidden = false;
      update(track);
      // dash.js is a script of its own and makes a global.
      const { MediaPlayer } = /** @type {typeof import('dashjs')} */ (window.dashjs);
      dash = MediaPlayer().create();
      dash.initialize(audio, new URL(here(track.manifestUrl), document.baseURI).href, true);
      dash.on(MediaPlayer.events.ERROR, (event) => {
        const { message = 'unknown error' } = /** @type {{ message?: string }} */ (Object(event.error));
        showError(errorPlace, `This track cannot be played: ${message}`);
      });
    },
    /** @param {string} filename  a track that was deleted */
    forget(filename) {
      if (filename === playing) stop();
    },
  };
}
