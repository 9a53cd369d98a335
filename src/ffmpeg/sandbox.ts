/**
 * What confines ffmpeg: no network, and no file but its own, the programs and libraries of the system, and the one that
 * it is to read (and, for a copy, the one that it is to write). Made with bubblewrap, or with `unshare` where that is
 * all there is; the launcher tries which of them the system allows.
 *
 * Pure: this is the text of a shell script, in which `$input`, `$output` and `$root` (an empty folder of ours) are set
 * and `"$@"` are the arguments of the program.
 */

/**
 * How a process yields to others, as the words to start it with. Serving comes first: background work gets what serving leaves.
 * Under Linux's idle policy it is put aside at once when the server has something to do; a process that is merely nice is let
 * finish its turn, of 3 ms or so. What somebody waits for does not yield at all.
 */
export const YIELDING = {
  none: { command: '', niceness: 0 },
  idle: { command: 'chrt -i 0', niceness: 19 },
  nice: { command: 'nice -n 19', niceness: 19 },
  /** Beside a busy neighbour the idle policy leaves nothing at all, niceness 10 leaves 10 % of a core, niceness 5 24 %. */
  less: { command: 'nice -n 10', niceness: 10 },
  least: { command: 'nice -n 5', niceness: 5 },
} as const;
export type Yielding = keyof typeof YIELDING;
const EMPTY_ENVIRONMENT = 'env -i PATH=/usr/local/bin:/usr/bin:/bin';

export const SANDBOXES = ['bubblewrap', 'unshare'] as const;
export type Sandbox = (typeof SANDBOXES)[number];

/** Where programs and libraries are; nothing that belongs to a person. Those that a system does not have are left out. */
const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/etc/ld.so.cache', '/etc/alternatives'];

/** @param program absolute path. */
export function confined(sandbox: Sandbox, program: string, yielding: Yielding): string {
  return sandbox === 'bubblewrap'
    ? bubblewrap(program, YIELDING[yielding].command)
    : unshare(program, YIELDING[yielding].command);
}

/** For a program that is not among the system's: a build of one's own, which must bring its libraries with it. */
function ownFile(program: string): string[] {
  const isSystems = SYSTEM.some((folder) => program.startsWith(`${folder}/`));
  return isSystems ? [] : [program];
}

/** Nothing confines it: it only dies with the server, where the system knows how. */
export function unconfined(
  program: string,
  yielding: Yielding,
  { diesWithServer }: { diesWithServer: boolean },
): string {
  const death = diesWithServer ? 'setpriv --pdeathsig KILL ' : '';
  return `cd "$root"\nexec ${YIELDING[yielding].command} ${EMPTY_ENVIRONMENT} ${death}${shellQuote(program)} "$@"\n`;
}

/**
 * The program yields, bubblewrap does not: when the server is killed while bubblewrap makes its namespaces, bubblewrap dies and
 * its child, which does not ask to die with it yet, waits for it for ever. Under the idle policy on a busy machine that moment
 * lasted long enough to be met once in 13 kills.
 */
function bubblewrap(program: string, yielding: string): string {
  const readable = [...SYSTEM, ...ownFile(program)].map((path) => {
    const quoted = shellQuote(path);
    return `--ro-bind-try ${quoted} ${quoted}`;
  });
  return `exec ${EMPTY_ENVIRONMENT} bwrap --unshare-all --die-with-parent --as-pid-1 --cap-drop ALL \\
  ${readable.join(' ')} \\
  \${input:+--ro-bind "$input" "$input"} \${output:+--bind "$output" "$output"} \\
  --chdir / -- ${yielding} ${shellQuote(program)} "$@"
`;
}

/**
 * The same by hand, for which root's rights are needed: a root of its own in memory, into which what may be seen is
 * mounted, and the old root taken away. Takes 0.07 s where bubblewrap takes 0.01 s.
 */
function unshare(program: string, yielding: string): string {
  const readable = [...SYSTEM, ...ownFile(program)].map(shellQuote).join(' ');
  return `if [ "$root_is_ready" != yes ]; then
  export input output root_is_ready=yes
  exec ${yielding} setpriv --pdeathsig KILL unshare --mount --net --ipc --uts --pid --fork --kill-child "$0" "$@"
fi
set -e
mount -t tmpfs -o mode=0755,size=1m,nosuid,nodev tmpfs "$root"
show() {
  if [ -L "$1" ]; then cp -P "$1" "$root$1"; return; fi
  if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$root\${1%/*}"; : > "$root$1"; fi
  mount -o "$2" "$1" "$root$1"
}
for path in ${readable}; do if [ -e "$path" ]; then show "$path" rbind,ro; fi; done
if [ -n "$input" ]; then show "$input" bind,ro; fi
if [ -n "$output" ]; then show "$output" bind; fi
mkdir "$root/.old" "$root/proc"
# umount looks there for what is mounted.
mount -t proc proc "$root/proc"
cd "$root"
pivot_root . .old
cd /
umount -l /.old
mount -o remount,ro /
umount -l /proc
exec ${EMPTY_ENVIRONMENT} setpriv --bounding-set=-all --inh-caps=-all --no-new-privs --pdeathsig KILL -- ${shellQuote(program)} "$@"
`;
}

export function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
