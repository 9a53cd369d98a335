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
  /** Where the playlist begins that is being loaded, in seconds; undefined once its metadata is there. */
  let begin = /** @type {number | undefined} */ (0);

  /**
   * Loads the playlist of the chosen rendition. Without a choice loads the master playlist, from which the browser chooses.
   *
   * @param {boolean} plays
   */
  const load = (plays) => {
    // Before its metadata is there, the element may still tell the position of the playlist before.
    begin ??= audio.currentTime;
    audio.src = chosen === '' ? master : master.replace(/[^/]+$/, `${chosen}.m3u8`);
    audio.currentTime = begin;
    if (!plays) return;
    void audio.play().catch(() => {
      // The browser forbids autoplay; the user starts with the controls.
    });
  };
  const loaded = () => {
    if (begin !== undefined && Math.abs(audio.currentTime - begin) > 0.5) audio.currentTime = begin;
    begin = undefined;
  };
  const failed = () => onError(audio.error?.message || 'unknown error');
  audio.addEventListener('error', failed);
  audio.addEventListener('loadedmetadata', loaded);
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
      audio.removeEventListener('loadedmetadata', loaded);
      audio.removeAttribute('src');
      audio.load();
      // A position that is set before the metadata is loaded would apply to the next track as well.
      audio.currentTime = 0;
    },
  };
}
