/** Calls the API of the server. */
import { followEvents } from './event-reader.js';
import { askForKey, keyHeaders } from './key.js';

/**
 * @typedef {object} Track
 * @property {string} filename
 * @property {string} originalName
 * @property {'processing' | 'ready' | 'failed'} status
 * @property {number} progress
 * @property {[number, number][]} encoded  spans in seconds that are encoded
 * @property {string | null} manifestUrl
 * @property {string | null} hlsUrl
 * @property {{ id: string, bitRate: number }[]} renditions  the lowest bit rate first
 * @property {string} uploadedAt
 * @property {number} durationSeconds
 * @property {string | null} coverUrl
 * @property {{ title: string | null, artist: string | null }} tags
 * @property {{ code: string, message: string }} [error]
 */

/** Makes an absolute address relative, so that the page works behind a prefix. */
export const here = (/** @type {string} */ path) => path.replace(/^\//, '');

/** Returns the title of a track: that in its tags, or else the name of its file. */
export const titleOf = (/** @type {Track} */ track) =>
  track.tags.title ?? (track.originalName || track.filename);

/** @param {string} filename */
const fileUrl = (filename) => `files/${encodeURIComponent(filename)}`;

/**
 * Sends a request. Asks the user for an API key, again and again, while the server answers 401.
 *
 * @param {string} url
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
async function call(url, init) {
  const response = await fetch(url, { ...init, headers: keyHeaders() }).catch(() => {
    throw new Error('The server cannot be reached.');
  });
  if (response.status === 401) {
    await askForKey();
    return call(url, init);
  }
  if (!response.ok) throw new Error(problemText(await response.text(), response.status));
  return response;
}

/**
 * Returns the message of an error response.
 *
 * @param {string} body  a problem document, unless the response comes from a proxy
 * @param {number} status
 */
function problemText(body, status) {
  try {
    return JSON.parse(body).detail;
  } catch {
    return status === 0 ? 'The server cannot be reached.' : `The server answered ${status}.`;
  }
}

/**
 * Resolves with a page of the list, the newest tracks first.
 *
 * @param {{ query: string, next?: string | null }} page
 * @returns {Promise<{ tracks: Track[], next: string | null }>}
 */
export async function listTracks({ query, next }) {
  const response = await call(next ?? `files?${new URLSearchParams({ limit: '50', q: query })}`);
  const link = /<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '');
  return { tracks: await response.json(), next: link ? here(link[1] ?? '') : null };
}

/**
 * Follows all tracks on one event stream for the whole page: a browser opens six connections to a server, and each stream
 * keeps one.
 *
 * @param {{ onTrack: (track: Track) => void, onRemoved: (filename: string) => void }} listeners
 */
export function followTracks({ onTrack, onRemoved }) {
  void followEvents(
    () => call('events'),
    (event, data) => {
      if (event === 'track') onTrack(data);
      if (event === 'removed') onRemoved(data.filename);
    },
  );
}

/**
 * Resolves with the track as it is now. Its stream links expire, so the player asks for new ones.
 *
 * @param {string} filename
 * @returns {Promise<Track>}
 */
export const getTrack = async (filename) => (await call(fileUrl(filename))).json();

/** @param {string} filename */
export const deleteTrack = (filename) => call(fileUrl(filename), { method: 'DELETE' });

/** @param {string} filename */
export const retryTrack = (filename) => call(`${fileUrl(filename)}/retry`, { method: 'POST' });

/**
 * Uploads a file by XMLHttpRequest, for fetch does not report progress.
 *
 * @param {File} file
 * @param {(fraction: number) => void} onProgress
 * @returns {Promise<Track>}
 */
export function upload(file, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', 'upload?wait=false');
    for (const [name, value] of Object.entries(keyHeaders())) request.setRequestHeader(name, value);
    request.upload.addEventListener('progress', (event) =>
      onProgress(event.loaded / Math.max(1, event.total)),
    );
    request.addEventListener('error', () => reject(new Error(problemText('', 0))));
    request.addEventListener('load', () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText));
      else if (request.status === 401) askForKey().then(() => upload(file, onProgress).then(resolve, reject));
      else reject(new Error(problemText(request.responseText, request.status)));
    });
    const form = new FormData();
    form.append('file', file);
    request.send(form);
  });
}
