/** Plays HLS with the browser itself, as on iPhones, which have no Media Source Extensions. */
import { here } from './api.js';

/** Returns whether the browser has no Media Source Extensions and plays HLS itself. */
export function needsHls(/** @type {HTMLAudioElement} */ audio) {
  return !('MediaSource' in window) && audio.canPlayType('application/vnd.apple.mpegurl') !== '';
}

/**
 * Plays a track by its playlists.
 *
 * @param {HTMLAudioElement} audio
 * @param {import('./api.js').Track} track  with an hlsUrl
 * @param {(message: string) => void} onError
 * @returns {import('./dash-engine.js').Engine}
 */
export function playByHls(audio, track, onError) {
  const master = here(track.hlsUrl ?? '');
  let chosen = '';

  /**
   * Loads the playlist of the chosen rendition. Without a choice loads the master playlist, from which the browser chooses.
   *
   * @param {boolean} plays
   */
  const load = (plays) => {
    const from = audio.currentTime;
    audio.src = chosen === '' ? master : master.replace(/[^/]+$/, `${chosen}.m3u8`);
    audio.currentTime = from;
    if (!plays) return;
    void audio.play().catch(() => {
      // The browser forbids autoplay; the user starts with the controls.
    });
  };
  const failed = () => onError(audio.error?.message || 'unknown error');
  audio.addEventListener('error', failed);
  load(true);

  return {
    choose(renditionId) {
      if (renditionId === chosen) return;
      chosen = renditionId;
      load(!audio.paused);
    },
    playing: () => chosen || undefined,
    stop() {
      audio.removeEventListener('error', failed);
      audio.removeAttribute('src');
      audio.load();
      // A position that is set before the metadata is loaded would apply to the next track as well.
      audio.currentTime = 0;
    },
  };
}
