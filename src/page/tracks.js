/** The list of tracks. While one of them is processed, the list is read again. */
import { deleteTrack, getTrack, listTracks, retryTrack } from './api.js';
import { button, byId, element, showError } from './dom.js';

/** @typedef {import('./api.js').Track} Track */

const POLL_MS = 700;

/** @param {{ onPlay: (track: Track) => void, onGone: (filename: string) => void }} listeners */
export function showTracks({ onPlay, onGone }) {
  const list = byId('tracks', HTMLUListElement);
  const empty = byId('empty', HTMLElement);
  const more = byId('more', HTMLButtonElement);
  const search = byId('search', HTMLInputElement);
  const errorPlace = byId('list-error', HTMLElement);
  /** @type {string | null} */
  let next = null;
  let latest = 0;

  /** @param {() => Promise<unknown>} step */
  const attempt = async (step) => {
    showError(errorPlace, '');
    await step().catch((error) => showError(errorPlace, error.message));
  };

  const refresh = () =>
    attempt(async () => {
      const turn = ++latest;
      const page = await listTracks({ query: search.value.trim() });
      // Only the answer to the last thing that was typed counts.
      if (turn !== latest) return;
      list.replaceChildren();
      show(page);
    });

  /** @param {{ tracks: Track[], next: string | null }} page */
  const show = (page) => {
    next = page.next;
    more.hidden = next === null;
    list.append(...page.tracks.map(row));
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
      actions.append(button('Play', () => onPlay(track), { className: 'primary', ...label('Play') }));
    }
    if (track.status === 'failed') {
      actions.append(
        button('Retry', () => attempt(() => retryTrack(track.filename).then(refresh)), label('Retry')),
      );
    }
    actions.append(button('Delete', () => remove(track), label('Delete')));
    item.append(element('span', { className: 'name', text: track.filename }), note(track), actions);
    if (track.status === 'processing') void follow(track, item);
    return item;
  };

  /** @param {Track} track */
  const remove = (track) => {
    if (!confirm(`Delete "${track.filename}"?`)) return;
    return attempt(async () => {
      await deleteTrack(track.filename);
      onGone(track.filename);
      await refresh();
    });
  };

  /**
   * Looks again until the track is processed, for as long as its row is shown.
   *
   * @param {Track} track
   * @param {HTMLElement} item
   */
  const follow = async (track, item) => {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    if (!item.isConnected) return;
    const now = await getTrack(track.filename).catch(() => undefined);
    if (item.isConnected) {
      if (now) item.replaceWith(row(now));
      else await refresh();
    }
  };

  more.addEventListener('click', () => void attempt(async () => show(await listTracks({ query: '', next }))));
  search.addEventListener('input', () => void refresh());
  return { refresh };
}

/** @param {Track} track */
function note(track) {
  if (track.status === 'failed') {
    return element('span', { className: 'note error', text: track.error?.message ?? 'Processing failed.' });
  }
  if (track.status === 'ready')
    return element('span', { className: 'note', text: clock(track.durationSeconds) });
  const progress = document.createElement('progress');
  progress.value = track.progress;
  progress.setAttribute('aria-label', `Processing ${track.filename}`);
  return progress;
}

/** @param {number} seconds */
function clock(seconds) {
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, at) => (at === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}
