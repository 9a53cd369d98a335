/** Shows the list of tracks, and updates its rows as tracks change. */
import { deleteTrack, getTrack, here, listTracks, retryTrack, titleOf } from './api.js';
import { button, byId, element, showError } from './dom.js';
import { showEncoded } from './encoded-bar.js';

/** @typedef {import('./api.js').Track} Track */

/** @param {{ onPlay: (track: Track) => void }} listeners */
export function showTracks({ onPlay }) {
  const list = byId('tracks', HTMLUListElement);
  const empty = byId('empty', HTMLElement);
  const more = byId('more', HTMLButtonElement);
  const search = byId('search', HTMLInputElement);
  const errorPlace = byId('list-error', HTMLElement);
  /** @type {string | null} */
  let next = null;
  let latest = 0;
  /** Upload time of the newest shown track: newer tracks go on top. */
  let newest = '';

  /** @param {() => Promise<unknown>} step */
  const attempt = async (step) => {
    showError(errorPlace, '');
    await step().catch((error) => showError(errorPlace, error.message));
  };

  const refresh = () =>
    attempt(async () => {
      const turn = ++latest;
      const page = await listTracks({ query: search.value.trim() });
      // Only the response to the latest search counts.
      if (turn !== latest) return;
      list.replaceChildren();
      show(page);
    });

  /** @param {{ tracks: Track[], next: string | null }} page */
  const show = (page) => {
    next = page.next;
    more.hidden = next === null;
    list.append(...page.tracks.map(row));
    for (const { uploadedAt } of page.tracks) if (uploadedAt > newest) newest = uploadedAt;
    empty.hidden = list.childElementCount > 0;
  };

  /** @param {Track} track */
  const row = (track) => {
    const item = element('li');
    item.dataset.filename = track.filename;
    item.dataset.status = track.status;
    const label = (/** @type {string} */ verb) => ({ label: `${verb} ${track.filename}` });
    const actions = element('span', { className: 'actions' });
    if (track.manifestUrl !== null) {
      actions.append(
        button('Play', () => attempt(async () => onPlay(await getTrack(track.filename))), {
          className: 'primary',
          ...label('Play'),
        }),
      );
    }
    if (track.status === 'failed') {
      actions.append(button('Retry', () => attempt(() => retryTrack(track.filename)), label('Retry')));
    }
    actions.append(button('Delete', () => remove(track), label('Delete')));
    item.append(cover(track), heading(track), note(track), actions);
    return item;
  };

  /** @param {Track} track */
  const remove = (track) => {
    if (!confirm(`Delete "${track.filename}"?`)) return;
    return attempt(async () => {
      await deleteTrack(track.filename);
      drop(track.filename);
    });
  };

  /**
   * Replaces the row of a changed track, or adds a row on top for a new one. Keeps the focus.
   *
   * @param {Track} track
   */
  const update = (track) => {
    const old = rowOf(track.filename);
    if (old) {
      const focused = document.activeElement?.getAttribute('aria-label');
      const changed = row(track);
      keepCover(old, changed);
      old.replaceWith(changed);
      const again = focused && changed.querySelector(`[aria-label="${CSS.escape(focused)}"]`);
      if (again instanceof HTMLElement) again.focus();
    } else if (search.value === '' && !(track.uploadedAt < newest)) list.prepend(row(track));
    if (track.uploadedAt > newest) newest = track.uploadedAt;
    empty.hidden = list.childElementCount > 0;
  };

  /** @param {string} filename */
  const drop = (filename) => {
    rowOf(filename)?.remove();
    empty.hidden = list.childElementCount > 0;
  };

  /** @param {string} filename */
  const rowOf = (filename) =>
    [...list.children].find((item) => item instanceof HTMLElement && item.dataset.filename === filename);

  more.addEventListener('click', () => void attempt(async () => show(await listTracks({ query: '', next }))));
  search.addEventListener('input', () => void refresh());
  return { refresh, update, drop };
}

/**
 * Shows title and artist; the name of the file is in the tooltip, and for who searches for it.
 *
 * @param {Track} track
 */
function heading(track) {
  const name = element('span', { className: 'name', text: titleOf(track) });
  const made = element('span', {}, name);
  made.title = track.filename;
  const { artist } = track.tags;
  if (artist !== null) made.append(element('span', { className: 'artist quiet', text: artist }));
  return made;
}

/**
 * Keeps a picture that is shown already: another one of the same address would flicker.
 *
 * @param {Element} from
 * @param {Element} to
 */
function keepCover(from, to) {
  const [shown, same] = [from.querySelector('img'), to.querySelector('img')];
  if (shown && shown.src === same?.src) same.replaceWith(shown);
}

/** @param {Track} track */
function cover({ coverUrl }) {
  const place = element('span', { className: 'cover' });
  if (coverUrl === null) return place;
  const image = new Image();
  image.loading = 'lazy';
  image.alt = '';
  image.src = `${here(coverUrl)}&size=96`;
  // A link that has expired, for instance.
  image.addEventListener('error', () => image.remove());
  place.append(image);
  return place;
}

/** @param {Track} track */
function note(track) {
  if (track.status === 'failed') {
    return element('span', { className: 'note error', text: track.error?.message ?? 'Processing failed.' });
  }
  if (track.status === 'ready')
    return element('span', { className: 'note', text: clock(track.durationSeconds) });
  const bar = element('div', { className: 'encoded' });
  showEncoded(bar, track);
  return bar;
}

/** @param {number} seconds */
function clock(seconds) {
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, at) => (at === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}
