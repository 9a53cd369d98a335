/** Who gets what of the encoder, in virtual time: nobody is kept waiting by what others ask for. */
import { expect, it } from 'vitest';
import {
  createSimulation,
  type SimulatedTrack,
  type Simulation,
  TICK_SECONDS,
} from '../support/planner-simulation.ts';

const BOOK_MINUTES = 600;

/** Always the same, and different from call to call. */
function randomNumbers() {
  let seed = 7;
  return (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (seed >> 8) % below;
  };
}

function until(simulation: Simulation, isDone: () => boolean, eachTick = () => {}): number {
  const begin = simulation.now;
  while (!isDone()) {
    if (simulation.now - begin > 100_000) throw new Error('it never comes to that');
    eachTick();
    simulation.tick();
  }
  return simulation.now - begin;
}

function playableAlone(): number {
  const simulation = createSimulation();
  const track = simulation.add(4);
  return until(simulation, () => track.playableAt !== undefined);
}

it.each([1, 4, 150])(
  '%i addresses that ask random segments of a long track: a new one is playable within 3x',
  (addresses) => {
    const simulation = createSimulation();
    const random = randomNumbers();
    const book = simulation.add(BOOK_MINUTES);
    until(simulation, () => book.playableAt !== undefined);
    const attack = () => {
      // Each address asks again as soon as it is answered.
      for (let n = 0; n < addresses; n++) {
        const holder = `attacker ${n}`;
        if ([...simulation.waits].some((wait) => wait.holder === holder)) continue;
        const [rendition, index] = [random(3), random(9000)];
        simulation.waits.add({ holder, track: book, rendition, index, since: simulation.now });
      }
    };
    until(simulation, () => simulation.now > 200, attack);
    const track = simulation.add(4);
    const attacked = until(simulation, () => track.playableAt !== undefined, attack);
    expect(attacked).toBeLessThanOrEqual(3 * playableAlone());
  },
);

it('someone who uploads hundreds of tracks does not keep another from being playable', () => {
  const simulation = createSimulation();
  for (let n = 0; n < 300; n++) simulation.add(4, 'flood');
  until(simulation, () => simulation.now > 100);
  const track = simulation.add(4, 'somebody');
  expect(until(simulation, () => track.playableAt !== undefined)).toBeLessThanOrEqual(3 * playableAlone());
});

it('a listener is answered soon while new tracks keep coming', () => {
  const simulation = createSimulation();
  const book = simulation.add(BOOK_MINUTES);
  until(simulation, () => book.playableAt !== undefined);
  const wait = { holder: 'listener', track: book, rendition: 1, index: 5000, since: simulation.now };
  for (let n = 0; n < 100; n++) simulation.add(4, 'flood');
  simulation.tick();
  simulation.waits.add(wait);
  expect(until(simulation, () => !simulation.waits.has(wait)) * TICK_SECONDS).toBeLessThan(0.6);
});

it('a song is ready within 2x of its time alone while a long book is encoded, and the book loses no more than that work', () => {
  const alone = createSimulation();
  const only = alone.add(4);
  const songAlone = until(alone, () => only.readyAt !== undefined);

  const lone = createSimulation();
  const loneBook = lone.add(60);
  const bookAlone = until(lone, () => loneBook.readyAt !== undefined);

  const simulation = createSimulation();
  const book = simulation.add(60);
  until(simulation, () => simulation.now > 500);
  const song = simulation.add(4);
  expect(until(simulation, () => song.readyAt !== undefined)).toBeLessThanOrEqual(1.3 * songAlone);
  until(simulation, () => book.readyAt !== undefined);
  expect(simulation.now - bookAlone).toBeLessThanOrEqual(1.3 * songAlone);
});

it.each([
  ['of different lengths', (n: number) => 1 + ((n * 7) % 10)],
  ['of five minutes', () => 5],
])(
  'twenty tracks %s are ready sooner on average than one after the other, and the last one no later',
  (_, minutesOf) => {
    const simulation = createSimulation();
    const tracks = Array.from({ length: 20 }, (_each, n) => simulation.add(minutesOf(n)));
    const last = until(simulation, () => tracks.every(({ readyAt }) => readyAt !== undefined));
    const mean = tracks.reduce((sum, { readyAt = 0 }) => sum + readyAt, 0) / tracks.length;
    const seconds = tracks.map((__, n) => minutesOf(n) * 60).toSorted((a, b) => a - b);
    const total = seconds.reduce((sum, each) => sum + each, 0);
    let before = 0;
    let ideal = 0;
    for (const each of seconds) {
      before += each;
      ideal += before / total / tracks.length;
    }
    // A twentieth of the work goes to those that have waited longest.
    expect(mean / last).toBeLessThan(1.2 * ideal);
    // All segments, and a start of each run now and then.
    const work = (3 * total) / 4 / 2;
    expect(last).toBeLessThan(1.15 * work);
  },
);

it('a long track goes on while short ones come for ever', () => {
  const simulation = createSimulation();
  const book = simulation.add(BOOK_MINUTES);
  until(simulation, () => book.playableAt !== undefined);
  const storedOf = ({ renditions }: SimulatedTrack) =>
    renditions.reduce((sum, { stored }) => sum + stored.size, 0);
  let current = [simulation.add(4), simulation.add(4)];
  const before = storedOf(book);
  const begin = simulation.now;
  until(
    simulation,
    () => simulation.now - begin > 4000,
    () => {
      current = current.map((track) => (track.readyAt === undefined ? track : simulation.add(4)));
    },
  );
  const share = (storedOf(book) - before) / (2 * (simulation.now - begin));
  expect(share).toBeGreaterThan(0.03);
  expect(share).toBeLessThan(0.1);
});
