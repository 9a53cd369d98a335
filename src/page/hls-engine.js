/** Plays by HLS, where the browser itself does: iPhones, which have no Media Source Extensions. */
import { here } from './api.js';

/** @returns whether the browser has no Media Source Extensions and plays HLS itself */
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

  /**
   * Without a choice the master playlist, and the browser chooses; else the playlist of that rendition.
   *
   * @param {boolean} plays
   */
  const load = (plays) => {
    const from = audio.currentTime;
    audio.src = chosen === '' ? master : master.replace(/[^/]+$/, `${chosen}.m3u8`);
    audio.currentTime = from;
    if (!plays) return;
    void audio.play().catch(() => {
      // Where a page may not start to play by itself, the controls are there.
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
      // A position that was set before anything was known of the media is that of the next one as well.
      audio.currentTime = 0;
    },
  };
}
