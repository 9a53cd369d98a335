/** Shows the encoded parts of a track, as a bar like the buffer of a video. */
import { element } from './dom.js';

/**
 * @param {HTMLElement} bar
 * @param {import('./api.js').Track} track
 */
export function showEncoded(bar, { encoded, durationSeconds, progress, filename }) {
  const percent = (/** @type {number} */ seconds) => `${(100 * seconds) / durationSeconds}%`;
  bar.replaceChildren(
    ...encoded.map(([start, end]) => {
      const part = element('span');
      part.style.left = percent(start);
      part.style.width = percent(end - start);
      return part;
    }),
  );
  bar.setAttribute('role', 'progressbar');
  bar.setAttribute('aria-label', `Processing ${filename}`);
  bar.setAttribute('aria-valuenow', String(Math.round(progress * 100)));
}
