/**
 * Reads how much processor time processes have had, from Linux's `/proc` (proc(5)). Other systems do not tell.
 *
 * A run of ffmpeg is a group of processes: the launcher becomes the sandbox, and ffmpeg is its child. Finding a group means reading
 * about all processes of the system: 2 ms for a hundred of them.
 */
import { readdir, readFile } from 'node:fs/promises';

/** Hundredths of a second on every Linux (sysconf(3), `_SC_CLK_TCK`). */
const TICKS_PER_SECOND = 100;

export interface ProcessorTime {
  /** Seconds of processor time so far. */
  seconds: number;
  /** At least one of its threads runs, or waits for a processor only. */
  isRunnable: boolean;
}

interface Stat {
  group: number;
  seconds: number;
  isRunnable: boolean;
}

/** Resolves with the processor time of this server so far, in seconds; undefined if the system does not tell. */
export async function ownProcessorSeconds(): Promise<number | undefined> {
  return (await statOf('self'))?.seconds;
}

/** Resolves with the processor time of each of these process groups, without those that the server cannot see. */
export async function processorTimes(groups: ReadonlySet<number>): Promise<Map<number, ProcessorTime>> {
  const times = new Map<number, ProcessorTime>();
  for (const pid of (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    const stat = await statOf(pid);
    if (!stat || !groups.has(stat.group)) continue;
    const before = times.get(stat.group) ?? { seconds: 0, isRunnable: false };
    times.set(stat.group, {
      seconds: before.seconds + stat.seconds,
      isRunnable: before.isRunnable || stat.isRunnable || (await hasRunnableThread(pid)),
    });
  }
  return times;
}

async function hasRunnableThread(pid: string): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  for (const thread of threads) if ((await statOf(`${pid}/task/${thread}`))?.isRunnable) return true;
  return false;
}

async function statOf(name: string): Promise<Stat | undefined> {
  const text = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // The second field is the program's name, in which there may be anything.
  const [state, , group, , , , , , , , , userTicks, systemTicks] = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ');
  return {
    group: Number(group),
    seconds: (Number(userTicks) + Number(systemTicks)) / TICKS_PER_SECOND,
    isRunnable: state === 'R',
  };
}
