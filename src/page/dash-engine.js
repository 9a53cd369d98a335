/** Plays MPEG-DASH with dash.js. */
import { here } from './api.js';

/**
 * Plays one track on an audio element.
 *
 * @typedef {object} Engine
 * @property {(renditionId: string) => void} choose  an empty id lets the player choose
 * @property {() => string | undefined} playing  id of the rendition that is playing, if known
 * @property {() => void} stop
 */

/**
 * Plays a track by its manifest.
 *
 * @param {HTMLAudioElement} audio
 * @param {import('./api.js').Track} track  with a manifestUrl
 * @param {(message: string) => void} onError
 * @returns {Engine}
 */
export function playByDash(audio, track, onError) {
  // dash.js is a separate script that defines a global.
  const { MediaPlayer } = /** @type {typeof import('dashjs')} */ (window.dashjs);
  const dash = MediaPlayer().create();
  let chosen = '';
  let rendered = '';
  let isInitialized = false;

  const apply = () => {
    dash.updateSettings({ streaming: { abr: { autoSwitchBitrate: { audio: chosen === '' } } } });
    if (isInitialized && chosen !== '') dash.setRepresentationForTypeById('audio', chosen);
  };

  dash.initialize(audio, new URL(here(track.manifestUrl ?? ''), document.baseURI).href, true);
  dash.on(MediaPlayer.events.STREAM_INITIALIZED, () => {
    isInitialized = true;
    apply();
  });
  dash.on(MediaPlayer.events.QUALITY_CHANGE_RENDERED, ({ newRepresentation }) => {
    rendered = newRepresentation.id;
  });
  dash.on(MediaPlayer.events.ERROR, (event) => {
    const { message = 'unknown error' } = /** @type {{ message?: string }} */ (Object(event.error));
    onError(message);
  });

  return {
    choose(renditionId) {
      chosen = renditionId;
      apply();
    },
    playing: () =>
      rendered || (isInitialized ? dash.getCurrentRepresentationForType('audio')?.id : undefined),
    stop: () => dash.destroy(),
  };
}
