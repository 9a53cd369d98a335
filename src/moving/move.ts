/** Copies a library and checks the copy. */
import { type Checked, checkCopies } from './check.ts';
import { count, createProgress, duration, size } from './progress.ts';
import { type Copied, copyInRounds } from './rounds.ts';
import type { Source, Target } from './sides.ts';

export interface MoveOptions {
  source: Source;
  target: Target;
  /** Is given each line for people, without its end. */
  print(line: string): void;
  signal: AbortSignal;
}

/**
 * Copies all tracks, and prints how far it is and what came of it.
 *
 * @returns true if the target has all that the source has, and nothing is wrong with it.
 */
export async function move({ source, target, print, signal }: MoveOptions): Promise<boolean> {
  const begin = performance.now();
  const progress = createProgress(print);
  const options = { source, target, progress, signal };
  try {
    const total = await source.size();
    print(`From ${source.name}: ${count(total.tracks)} tracks, ${size(total.bytes)}.`);
    print(`To ${target.name}. Nothing is removed from either.`);
    progress.begin('Copying', total);
    const copied = await copyInRounds(options);
    const took = duration((performance.now() - begin) / 1000);
    print(
      `Copied ${count(copied.copied)} tracks (${size(copied.bytes)}) in ${took}; ${count(copied.there)} were there.`,
    );
    progress.begin('Checking', total);
    const checked = await checkCopies({ ...options, copied });
    return summary(copied, checked, print);
  } finally {
    progress.close();
  }
}

/** Prints what came of it. Returns true if nothing is left to do. */
function summary(
  { refused, waiting, later }: Copied,
  { right, others, wrong, missed, gone }: Checked,
  print: (line: string) => void,
): boolean {
  const list = (title: string, names: Iterable<string>, about: (name: string) => string) => {
    const lines = [...names].map((name) => `  ${JSON.stringify(name)}${about(name)}`);
    if (lines.length > 0) print([`${title} (${count(lines.length)}):`, ...lines].join('\n'));
  };
  print(`Checked: ${count(right)} tracks are at the target, whole and as they are at the source.`);
  if (others > 0) print(`The target has ${count(others)} tracks that the source does not have.`);
  list('Not copied', refused.keys(), (name) => `: ${refused.get(name)}.`);
  list('Wrong at the target', wrong.keys(), (name) => `: ${wrong.get(name)?.join(', ')}.`);
  list('Deleted at the source after they were copied; delete them at the target, too', gone, () => '');
  list(
    'Being encoded at the source; run this again when they are ready, or when no server uses the source',
    waiting,
    () => '',
  );
  list('Changed meanwhile; run this again for them', new Set([...later, ...missed]), () => '');
  return refused.size + wrong.size + gone.length + waiting.size + later.size + missed.size === 0;
}
