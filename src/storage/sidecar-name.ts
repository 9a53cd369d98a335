/** Names of sidecars. On disk they lie beside the record and the manifest of their track, whose names none can have. */

const SIDECAR = /^[a-z0-9][a-z0-9.-]{0,99}$/;
const OTHERS = new Set(['track.json', 'manifest.mpd']);

export function isSidecarName(name: string): boolean {
  return SIDECAR.test(name) && !OTHERS.has(name);
}

/** @throws {Error} for what is no name of a sidecar: it would reach other files. */
export function assertSidecarName(name: string): void {
  if (!isSidecarName(name)) throw new Error(`"${name}" is no name of a sidecar`);
}
