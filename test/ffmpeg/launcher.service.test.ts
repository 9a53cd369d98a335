/** What the launchers take away from ffmpeg: files, network, environment, memory, rights. */
import { execFile, spawn } from 'node:child_process';
import { chmod, cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { createSelfTest } from '../../src/encoding/self-test.ts';
import {
  prepareTools,
  SANDBOXES,
  type SandboxSetting,
  type ToolSettings,
} from '../../src/ffmpeg/launcher.ts';
import { audioFile, noise } from '../support/audio.ts';
import { temporaryFolder } from '../support/folders.ts';
import { isThere } from '../support/requirement.ts';

const run = promisify(execFile);

async function prepared(sandbox: SandboxSetting, changes: Partial<ToolSettings> = {}) {
  const folder = path.join(await temporaryFolder(), 'it’s "ours"');
  const settings = { ffmpegPath: 'ffmpeg', ffprobePath: 'ffprobe', maxDurationSeconds: 3600 };
  return { folder, tools: await prepareTools(folder, { ...settings, sandbox, ...changes }) };
}

/** A program that stands where ffmpeg does, and says what it sees. */
async function spy(body: string): Promise<string> {
  const file = path.join(await temporaryFolder(), 'spy');
  await writeFile(
    file,
    `#!/bin/sh\ncase "$1" in -hide_banner) echo "ffmpeg version spy"; exit;; esac\n${body}\n`,
  );
  await chmod(file, 0o755);
  return file;
}

/** A folder for PATH with these programs of the system, as far as it has them. */
async function folderOf(names: string[]): Promise<string> {
  const folder = await temporaryFolder();
  for (const name of names) {
    const { stdout } = await run('/bin/sh', ['-c', `command -v ${name}`]).catch(() => ({ stdout: '' }));
    if (stdout.startsWith('/')) await symlink(stdout.trim(), path.join(folder, name));
  }
  return folder;
}

const isUsable = async (sandbox: SandboxSetting) =>
  prepared(sandbox).then(
    () => true,
    () => false,
  );
const usable: SandboxSetting[] = [];
for (const sandbox of SANDBOXES) if (await isUsable(sandbox)) usable.push(sandbox);
// `unshare` takes root's rights.
for (const sandbox of process.getuid?.() === 0 ? SANDBOXES : SANDBOXES.slice(0, 1)) {
  const what = 'it is not installed, or the system does not allow namespaces';
  isThere(usable.includes(sandbox), { what, untested: `the sandbox "${sandbox}"` });
}

describe.each(usable)('in the sandbox "%s"', (sandbox) => {
  it('ffmpeg and ffprobe do their work', async () => {
    const { folder, tools } = await prepared(sandbox);
    expect(tools.sandbox.mode).toBe(sandbox);
    expect(await createSelfTest(Promise.resolve(tools), folder).fault()).toBe(null);
  });

  it('a program sees its input, its output, the system, and no other file', async () => {
    const folder = await temporaryFolder();
    await mkdir(path.join(folder, 'uploads'));
    const [input, other, output] = ['input', 'other', 'output'].map((name) =>
      path.join(folder, 'uploads', name),
    ) as [string, string, string];
    await writeFile(input, 'mine');
    await writeFile(other, 'of somebody else');
    const program = await spy(
      `cat ${input}; cat ${other} /etc/passwd /etc/hostname; for folder in /proc /home /root /sys /var; do ls -A $folder; done; echo x > ${input}; echo done > ${output}; exit 0`,
    );
    const { tools } = await prepared(sandbox, { ffmpegPath: program });
    const { stdout } = await run(tools.ffmpeg, ['-i', `file:${input}`, '-y', `file:${output}`]).catch(
      (e) => e,
    );
    expect(stdout).toBe('mine');
    expect(await readFile(input, 'utf8')).toBe('mine');
    expect(await readFile(output, 'utf8')).toBe('done\n');
  });

  it('it reaches nobody on the network', async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const input = await audioFile('net.wav', noise({ samples: 5000 }));
    const { tools } = await prepared(sandbox);
    const sending = (executable: string) =>
      run(executable, ['-i', `file:${input}`, '-f', 'wav', `tcp://127.0.0.1:${port}`]).catch(
        (error) => error,
      );
    await sending(tools.ffmpeg);
    expect(connections).toBe(0);
    // The same without it does: the listener listens.
    await sending('ffmpeg');
    expect(connections).toBe(1);
    server.close();
  });
});

const canBeIdle = () =>
  run('chrt', ['-i', '0', 'true']).then(
    () => true,
    () => false,
  );

describe.each(['off', ...usable] as const)('with SANDBOX=%s', (sandbox) => {
  it('a program has no environment, little memory, few files, and a folder with nothing in it', async () => {
    const program = await spy(
      'env; echo "limits $(ulimit -v) $(ulimit -n) $(ulimit -c) $(ulimit -t)"; echo "yields: $(nice) $(chrt -p $$)"; echo; ls -A .',
    );
    const { tools } = await prepared(sandbox, { ffmpegPath: program });
    const { stdout } = await run(tools.ffmpeg, [], { env: { ...process.env, SECRET: 'key' } });
    expect(stdout).not.toContain('SECRET');
    expect(stdout).not.toContain('HOME=');
    expect(stdout).toContain('limits 2097152 64 0 3720');
    const [, yields, files] = /^yields: (.*?)\n\n(.*)/ms.exec(stdout) ?? [];
    // Somebody waits for it.
    expect(yields).toMatch(/^0 .*SCHED_OTHER/s);
    const listed = files?.trim().split('\n');
    expect(listed).not.toContain('package.json');
  });
});

it.each(['off', 'auto'] as const)(
  'background work yields, most of all at first (SANDBOX=%s)',
  async (sandbox) => {
    const program = await spy('echo "$(nice) $(chrt -p $$)"');
    const { tools } = await prepared(sandbox, { ffmpegPath: program });
    const yields = await Promise.all(tools.background.map(async (file) => (await run(file, [])).stdout));
    // Where Linux lets it, it yields more than by being nice.
    expect(yields[0]).toMatch((await canBeIdle()) ? /SCHED_IDLE/ : /^19/);
    expect(yields.slice(1).map((text) => text.split(' ')[0])).toEqual(['10', '5']);
  },
);

it.runIf(usable.includes('bubblewrap'))(
  'bubblewrap itself does not yield, only its program does',
  async () => {
    const program = await spy('chrt -p $$; nice; echo; exec sleep 60');
    const { tools } = await prepared('bubblewrap', { ffmpegPath: program });
    for (const file of tools.background) {
      const child = spawn(file, [], { stdio: ['ignore', 'pipe', 'ignore'] });
      let text = '';
      for await (const chunk of child.stdout) {
        text += chunk;
        if (text.includes('\n\n')) break;
      }
      expect(text).toMatch(/SCHED_IDLE|^(5|10|19)$/m);
      const { stdout } = await run('/bin/sh', ['-c', `chrt -p ${child.pid}; ps -o ni= -p ${child.pid}`]);
      expect(stdout).toMatch(/SCHED_OTHER/);
      expect(stdout.trim().split(/\s+/).at(-1)).toBe('0');
      process.kill(-(child.pid as number), 'SIGKILL');
    }
  },
);

it('nothing is tried out at the start in a way that a busy neighbour could hold up', async () => {
  const report = path.join(await temporaryFolder(), 'report');
  const program = await spy('');
  const reporting = `#!/bin/sh\nchrt -p $$ >> ${report}`;
  await writeFile(
    program,
    (await readFile(program, 'utf8')).replace('#!/bin/sh', () => reporting),
  );
  await prepared('off', { ffmpegPath: program, ffprobePath: program });
  const policies = await readFile(report, 'utf8');
  expect(policies).toContain('SCHED_OTHER');
  expect(policies).not.toContain('SCHED_IDLE');
});

it('the system is asked once at the start what it can do, and at no start of a program', async () => {
  const programs = await folderOf(['env', 'setpriv', 'setsid', 'chrt', 'nice', 'sleep']);
  const calls = path.join(programs, 'calls');
  const { stdout: perl } = await run('/bin/sh', ['-c', 'command -v perl']);
  await writeFile(
    path.join(programs, 'perl'),
    `#!/bin/sh\nprintf '%s\\n' "\${2%%;*}" >> ${calls}\nexec ${perl.trim()} "$@"\n`,
  );
  await chmod(path.join(programs, 'perl'), 0o755);
  const program = await spy('');
  vi.stubEnv('PATH', programs);
  const { tools } = await prepared('off', { ffmpegPath: program, ffprobePath: program });
  vi.unstubAllEnvs();
  for (let start = 0; start < 3; start++) await run(tools.ffmpeg, []);
  const scripts = (await readFile(calls, 'utf8')).trim().split('\n');
  // Both tools tell their version at the start.
  expect(scripts).toEqual(['1', ...Array(2 + 3).fill('setpgrp')]);
});

it('a build that lacks launch.sh does not start, for ffmpeg would have no limits', async () => {
  const build = await temporaryFolder();
  const sources = fileURLToPath(new URL('../../src/', import.meta.url));
  for (const name of ['errors.ts', 'app-error.ts', 'ffmpeg']) {
    await cp(path.join(sources, name), path.join(build, name), { recursive: true });
  }
  await rm(path.join(build, 'ffmpeg', 'launch.sh'));
  const launcher = (await import(path.join(build, 'ffmpeg', 'launcher.ts'))) as {
    prepareTools: typeof prepareTools;
  };
  const settings = { ffmpegPath: 'ffmpeg', ffprobePath: 'ffprobe', maxDurationSeconds: 3600 };
  const starting = launcher.prepareTools(path.join(build, '.launch'), { ...settings, sandbox: 'off' });
  await expect(starting).rejects.toMatchObject({
    name: 'StartupError',
    message: expect.stringMatching(/launch\.sh.*npm run build/),
  });
});

it('a program that cannot be started is a failure, not an empty output', async () => {
  const program = await spy('');
  const { tools } = await prepared('off', { ffmpegPath: program });
  await rm(program);
  await expect(run(tools.ffmpeg, [])).rejects.toMatchObject({ code: 127 });
});

describe.runIf(process.platform === 'linux')('a program leads a group of its own', () => {
  /** Fields 1, 5 and 6 of proc(5)'s `stat`, and what its session's niceness is. */
  async function standing(programs?: string) {
    const program = await spy('cat /proc/$$/stat /proc/$$/autogroup');
    if (programs) vi.stubEnv('PATH', programs);
    const { tools } = await prepared('off', { ffmpegPath: program, ffprobePath: program });
    vi.unstubAllEnvs();
    const child = spawn(tools.background[0], [], { stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    for await (const chunk of child.stdout) text += chunk;
    const [pid, , , , group, session] = text.split(' ').map(Number);
    const niceness = /nice (-?\d+)/.exec(text)?.[1];
    return { leads: pid === child.pid && group === pid, hasOwnSession: session === pid, niceness };
  }

  it('in the session of the server, which is as nice as before', async () => {
    const before = await readFile('/proc/self/autogroup', 'utf8').catch(() => '');
    expect(await standing()).toMatchObject({ leads: true, hasOwnSession: false });
    expect(await readFile('/proc/self/autogroup', 'utf8').catch(() => '')).toBe(before);
  });

  it('in a session of its own, and a nice one, where that is all that can be had', async () => {
    const programs = await folderOf(['setsid', 'nice', 'chrt', 'env', 'setpriv', 'cat', 'sleep']);
    const { leads, hasOwnSession, niceness } = await standing(programs);
    expect([leads, hasOwnSession]).toEqual([true, true]);
    // Undefined where the system does not go by sessions.
    expect([undefined, '19']).toContain(niceness);
  });
});
