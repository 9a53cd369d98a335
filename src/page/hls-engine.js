/** Plays by HLS, where the browser itself does: iPhones, which have no Media Source Extensions. */
import { here } from './api.js';

/** @returns whether there is no other way, and this one */
export function needsHls(/** @type {HTMLAudioElement} */ audio) {
  return !('MediaSource' in window) && audio.canPlayType('application/vnd.apple.mpegurl') !== '';
}

/**
 * @param {HTMLAudioElement} audio
 * @param {import('./api.js').Track} track  one that has playlists
 * @param {(message: string) => void} onError
 * @returns {import('./dash-engine.js').Engine}
 */
export function playByHls(audio, track, onError) {
  const master = here(track.hlsUrl ?? '');
  let chosen = '';

  /** Without a choice the master playlist, and the browser chooses; else the playlist of that rendition. */
  const load = () => {
    const from = audio.currentTime;
    audio.src = chosen === '' ? master : master.replace(/[^/]+$/, `${chosen}.m3u8`);
    audio.currentTime = from;
    void audio.play().catch(() => {
      // Where a page may not start to play by itself, the controls are there.
    });
  };
  const failed = () => onError(audio.error?.message || 'unknown error');
  audio.addEventListener('error', failed);
  load();

  return {
    choose(renditionId) {
      if (renditionId === chosen) return;
      chosen = renditionId;
      load();
    },
    playing: () => chosen || undefined,
    stop() {
      audio.removeEventListener('error', failed);
      audio.removeAttribute('src');
      audio.load();
    },
  };
}
