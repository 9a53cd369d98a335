/**
 * Reads how much processor time processes have had, from Linux's `/proc` (proc(5)). Other systems do not tell.
 *
 * A run of ffmpeg is a group of processes: the launcher becomes the sandbox, and ffmpeg is its child. A group is found by the
 * children of its leader. A kernel without these (`CONFIG_PROC_CHILDREN`) is asked for all processes of the system, which takes
 * 12 ms for a hundred of them, once a second.
 */
import { open, readdir } from 'node:fs/promises';

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
  for (const pid of await membersOf(groups)) {
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

/** Resolves with processes among which all of these groups are. */
async function membersOf(groups: ReadonlySet<number>): Promise<string[]> {
  if (groups.size === 0) return [];
  if ((await readShort('/proc/thread-self/children')) !== undefined)
    return withDescendants([...groups].map(String));
  return (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
}

async function withDescendants(pids: readonly string[]): Promise<string[]> {
  const found = [...pids];
  // Children that are added meanwhile are visited as well.
  for (const pid of found) found.push(...((await childrenOf(pid)) ?? []));
  return found;
}

/** Resolves with the children of the first thread of a process; undefined where the kernel does not tell, or it has ended. */
async function childrenOf(pid: string): Promise<string[] | undefined> {
  const text = await readShort(`/proc/${pid}/task/${pid}/children`);
  return text?.split(' ').filter((child) => child !== '');
}

async function hasRunnableThread(pid: string): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  for (const thread of threads) if ((await statOf(`${pid}/task/${thread}`))?.isRunnable) return true;
  return false;
}

async function statOf(name: string): Promise<Stat | undefined> {
  const text = await readShort(`/proc/${name}/stat`);
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

/** Holds the line of a process, or its children. */
const SHORT_BYTES = 2048;

/** Reads a short file: `readFile` would take 64 KiB for each file of `/proc`, whose sizes are not known. */
async function readShort(path: string): Promise<string | undefined> {
  try {
    const handle = await open(path);
    try {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(SHORT_BYTES), 0, SHORT_BYTES, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch {
    return undefined;
  }
}
