/** Values by home and name. All names of one home are found without a walk through the others. */

export interface HomeMap<T> {
  get(home: string, name: string): T | undefined;
  set(home: string, name: string, value: T): void;
  delete(home: string, name: string): void;
  names(home: string): Iterable<string>;
}

export function createHomeMap<T>(): HomeMap<T> {
  const homes = new Map<string, Map<string, T>>();
  return {
    get: (home, name) => homes.get(home)?.get(name),
    set(home, name, value) {
      const ofHome = homes.get(home) ?? new Map<string, T>();
      homes.set(home, ofHome.set(name, value));
    },
    delete(home, name) {
      const ofHome = homes.get(home);
      if (ofHome?.delete(name) && ofHome.size === 0) homes.delete(home);
    },
    names: (home) => homes.get(home)?.keys() ?? [],
  };
}
