/** Values by track and name. All names of one track are found without a walk through the others. */

export interface TrackMap<T> {
  get(filename: string, name: string): T | undefined;
  set(filename: string, name: string, value: T): void;
  delete(filename: string, name: string): void;
  names(filename: string): Iterable<string>;
}

export function createTrackMap<T>(): TrackMap<T> {
  const tracks = new Map<string, Map<string, T>>();
  return {
    get: (filename, name) => tracks.get(filename)?.get(name),
    set(filename, name, value) {
      const ofTrack = tracks.get(filename) ?? new Map<string, T>();
      tracks.set(filename, ofTrack.set(name, value));
    },
    delete(filename, name) {
      const ofTrack = tracks.get(filename);
      if (ofTrack?.delete(name) && ofTrack.size === 0) tracks.delete(filename);
    },
    names: (filename) => tracks.get(filename)?.keys() ?? [],
  };
}
