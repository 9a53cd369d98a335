/**
 * Makes file names safe, and recognises safe ones. A track's `filename` is its one identity: in URLs, in folder names, in
 * lists.
 */

/** Most file systems allow 255 bytes. The rest is room for suffixes such as `-2` and for temporary names. */
const MAX_BYTES = 200;
const MAX_EXTENSION = /\.[\p{L}\p{N}]{1,16}$/u;
const SAFE = /^[\p{L}\p{M}\p{N}_][\p{L}\p{M}\p{N}._-]*$/u;
/** Device names of Windows, with any extension: Windows cannot create a folder of that name. */
const WINDOWS_DEVICE = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)/iu;

/**
 * Makes a file name safe for URLs, folders and every file system: NFC, only letters, marks, digits, `.`, `_` and `-`,
 * no leading dot or dash, at most 200 bytes, no Windows device name. Keeps the extension.
 */
export function safeFilename(originalName: string): string {
  const base = originalName.split(/[/\\]/).at(-1) ?? '';
  const clean = base
    .toWellFormed()
    .normalize('NFC')
    .replace(/[^\p{L}\p{M}\p{N}._-]+/gu, '-')
    .replace(/\.+$/u, '');
  const { stem, extension } = splitExtension(clean);
  const safe = stem.replace(/^[.-]+/u, '') || 'track';
  const named = safe.replace(WINDOWS_DEVICE, '$1-');
  const short = truncateBytes(named, MAX_BYTES - byteLength(extension));
  return extension === '' ? short.replace(/\.+$/u, '') : short + extension;
}

/** Returns the n-th name to try when `filename` is taken: `audio.mp3`, `audio-2.mp3`, `audio-3.mp3`, ... */
export function numberedFilename(filename: string, n: number): string {
  if (n < 2) return filename;
  const { stem, extension } = splitExtension(filename);
  const suffix = `-${n}${extension}`;
  return truncateBytes(stem, MAX_BYTES - byteLength(suffix)) + suffix;
}

/** Returns whether a track can have this name. Rejects `..`, absolute paths, NUL and the like. */
export function isSafeFilename(name: string): boolean {
  return SAFE.test(name) && byteLength(name) <= MAX_BYTES && name === name.normalize('NFC');
}

/** Returns the key under which names that differ only in case are the same name, as some file systems treat them. */
export function filenameKey(filename: string): string {
  // To upper case first, for a small sigma at the end of a word is another letter.
  return filename.toUpperCase().toLowerCase().normalize('NFC');
}

function splitExtension(name: string): { stem: string; extension: string } {
  const extension = MAX_EXTENSION.exec(name)?.[0] ?? '';
  return { stem: name.slice(0, name.length - extension.length), extension };
}

/** Cuts text to at most `limitBytes` bytes of UTF-8, between code points. */
function truncateBytes(text: string, limitBytes: number): string {
  if (byteLength(text) <= limitBytes) return text;
  let cut = '';
  let bytes = 0;
  for (const character of text) {
    bytes += byteLength(character);
    if (bytes > limitBytes) break;
    cut += character;
  }
  return cut;
}

const encoder = new TextEncoder();
function byteLength(text: string): number {
  return encoder.encode(text).length;
}
