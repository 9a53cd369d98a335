/**
 * Gets a fresh clone ready: dependencies, the build, FFmpeg, for the tests Chromium, and ShellCheck. Each step looks first, says
 * what it does, and does nothing when there is nothing to do. Uses only what Node itself brings.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { platform } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectFolder = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const inProject = (/** @type {string[]} */ ...parts) => path.join(projectFolder, ...parts);

/** Installs the packages of package-lock.json, unless exactly these are installed. */
export function ensureDependencies() {
  if (dependenciesAreInstalled()) return;
  // Includes the tools of the build, also under NODE_ENV=production. No package needs its install script, and some
  // scripts try downloads that this machine may not reach.
  const npm = process.env.npm_execpath;
  const arguments_ = ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
  say('installing dependencies (npm ci)');
  if (npm?.endsWith('.js')) run(process.execPath, [npm, ...arguments_]);
  else run('npm', arguments_);
}

function dependenciesAreInstalled() {
  const installed = inProject('node_modules', '.package-lock.json');
  if (!existsSync(installed)) return false;
  const wanted = packagesOf(inProject('package-lock.json'));
  const found = packagesOf(installed);
  // Optional packages may be for another system.
  return Object.entries(wanted).every(
    ([name, entry]) => name === '' || entry.optional || found[name]?.version === entry.version,
  );
}

/**
 * @param {string} lockFile
 * @returns {Record<string, { version?: string, optional?: boolean }>}
 */
function packagesOf(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages ?? {};
}

/** Compiles src/ to dist/, unless dist/ was made from exactly these files. */
export function ensureBuild() {
  const stamp = inProject('dist', '.built-from');
  const fingerprint = fingerprintOf(['src', 'tsconfig.json', 'package-lock.json']);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint) return;
  say('building (tsc)');
  rmSync(inProject('dist'), { recursive: true, force: true });
  run(process.execPath, [
    inProject('node_modules', 'typescript', 'bin', 'tsc'),
    '-p',
    inProject('tsconfig.json'),
  ]);
  cpSync(inProject('src', 'ffmpeg', 'launch.sh'), inProject('dist', 'ffmpeg', 'launch.sh'));
  cpSync(inProject('src', 'database', 'migrations'), inProject('dist', 'database', 'migrations'), {
    recursive: true,
  });
  cpSync(inProject('src', 'page'), inProject('dist', 'page'), {
    recursive: true,
    filter: (file) => path.extname(file) !== '.json',
  });
  writeFileSync(stamp, fingerprint);
}

/** @param {string[]} names */
function fingerprintOf(names) {
  const hash = createHash('sha256');
  const add = (/** @type {string} */ name) => {
    const file = inProject(name);
    if (statSync(file).isDirectory()) {
      for (const entry of readdirSync(file).sort()) add(path.join(name, entry));
    } else hash.update(`${name}\0`).update(readFileSync(file));
  };
  names.forEach(add);
  return hash.digest('hex');
}

/** Finds ffmpeg and ffprobe, installs them if possible, or ends with the command to install them. */
export function ensureFfmpeg() {
  const found =
    (process.env.FFMPEG_PATH || onPath('ffmpeg')) && (process.env.FFPROBE_PATH || onPath('ffprobe'));
  if (found || installWithApt('ffmpeg', ['ffmpeg', 'bubblewrap'])) return;
  process.stderr.write(`FFmpeg is missing. Install it with the line for your system, then start again:

  Debian, Ubuntu:  sudo apt-get install ffmpeg
  Fedora:          sudo dnf install ffmpeg-free
  Alpine:          sudo apk add ffmpeg
  macOS:           brew install ffmpeg
  Windows:         winget install Gyan.FFmpeg

Or set FFMPEG_PATH and FFPROBE_PATH to their paths.
`);
  process.exit(1);
}

/** Finds Chromium for the browser tests, and installs it if possible. @returns {string | undefined} its path */
export function ensureChromium() {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const find = () => process.env.CHROMIUM_PATH || names.map(onPath).find(Boolean);
  return find() ?? (installWithApt('Chromium', ['chromium']) ? find() : undefined);
}

/**
 * Finds programs, and installs those that are missing where that can be done.
 *
 * @param {Record<string, string>} packages the Debian package of each program
 * @returns {Record<string, string | undefined>} the path of each
 */
export function ensurePrograms(packages) {
  const find = (/** @type {string} */ name) =>
    onPath(name) ??
    serverFolders()
      .map((folder) => path.join(folder, name))
      .find(existsSync);
  const missing = Object.entries(packages).filter(([name]) => !find(name));
  if (missing.length > 0) {
    const names = missing.map(([name]) => name).join(', ');
    installWithApt(
      names,
      missing.map(([, aptPackage]) => aptPackage),
    );
  }
  return Object.fromEntries(Object.keys(packages).map((name) => [name, find(name)]));
}

/** Where Debian keeps servers; not everybody has these on the PATH. */
function serverFolders() {
  const postgres = '/usr/lib/postgresql';
  const versions = existsSync(postgres) ? readdirSync(postgres) : [];
  return ['/usr/sbin', ...versions.map((version) => path.join(postgres, version, 'bin'))];
}

/** Debian packages of PostgreSQL and of Ceph's S3 server, by program. */
const ENGINES = {
  postgres: 'postgresql',
  radosgw: 'radosgw',
  'ceph-mon': 'ceph-mon',
  'ceph-osd': 'ceph-osd',
};

/** Finds PostgreSQL and Ceph's S3 server, which the tests of a cluster start, and installs them if possible. */
export function ensureEngines() {
  // Debian's package starts a database on port 5432, which no test uses, unless this file says otherwise.
  const configuration = '/etc/postgresql-common/createcluster.conf';
  if (process.getuid?.() === 0 && onPath('apt-get') && !existsSync(path.dirname(configuration))) {
    mkdirSync(path.dirname(configuration));
    writeFileSync(configuration, 'create_main_cluster = false\n');
  }
  return ensurePrograms(ENGINES);
}

/**
 * Finds what a cluster on this machine consists of beside the server, installs it if possible, or ends with the command to
 * install it.
 *
 * @returns {string} the path of nginx
 */
export function ensureCluster() {
  const packages = { ...ENGINES, nginx: 'nginx-light' };
  const nginx = process.env.NGINX_PATH || ensurePrograms({ nginx: packages.nginx }).nginx;
  /** @type {Record<string, string | undefined>} */
  const found = { ...ensureEngines(), nginx };
  const absent = Object.entries(packages).filter(([name]) => !found[name]);
  if (nginx && absent.length === 0) return nginx;
  const names = absent.map(([name]) => name).join(', ');
  process.stderr.write(`A cluster on this machine needs ${names}. Install what is missing, then start again:

  Debian, Ubuntu:  sudo apt-get install ${absent.map(([, aptPackage]) => aptPackage).join(' ')}

`);
  process.exit(1);
}

/**
 * Installs packages with apt-get.
 *
 * @param {string} what
 * @param {string[]} packages
 * @returns {boolean} false if there is no apt-get, or no root
 */
function installWithApt(what, packages) {
  const apt = process.getuid?.() === 0 ? onPath('apt-get') : undefined;
  if (!apt) return false;
  say(`installing ${what} (apt-get install ${packages.join(' ')})`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const succeeds = (/** @type {string[]} */ arguments_) =>
    spawnSync(apt, arguments_, { env, stdio: ['ignore', 2, 2] }).status === 0;
  // A list that is a day old may do where there is no network.
  succeeds(['update', '-q']);
  // One by one: what one system lacks must not keep it from the others.
  const install = ['install', '-q', '-y', '--no-install-recommends'];
  return packages.map((name) => succeeds([...install, name])).every(Boolean);
}

/**
 * @param {string} name
 * @returns {string | undefined}
 */
function onPath(name) {
  const suffix = platform() === 'win32' ? '.exe' : '';
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    const file = path.join(folder, name + suffix);
    try {
      accessSync(file, constants.X_OK);
      if (folder !== '' && statSync(file).isFile()) return file;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/**
 * Says loudly what is left out because a program is missing. Under CI that is a failure.
 *
 * @param {string} text
 */
export function missing(text) {
  const frame = '!'.repeat(text.length);
  process.stderr.write(`\n${frame}\n${text}\n${frame}\n\n`);
  if (process.env.CI === 'true') process.exit(1);
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`> ${text}\n`);
}

/**
 * @param {string} file
 * @param {string[]} arguments_
 * @param {NodeJS.ProcessEnv} [env]
 */
export function run(file, arguments_, env = process.env) {
  const windowsShell = platform() === 'win32' && file === 'npm';
  // To standard error, for standard output belongs to the log of the server, which programs read as JSON.
  const result = spawnSync(file, arguments_, {
    cwd: projectFolder,
    env,
    stdio: ['ignore', 2, 2],
    shell: windowsShell,
  });
  if (result.status !== 0) fail(file, arguments_, result);
}

/**
 * Runs programs at the same time; the output of each is written when it ends. Ends this process when one of them fails.
 *
 * @param {[file: string, arguments_: string[]][]} programs
 */
export async function runAll(programs) {
  const results = programs.map(async ([file, arguments_]) => {
    const child = spawn(file, arguments_, { cwd: projectFolder, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [child.stdout, child.stderr].map((stream) => textOf(stream));
    const [status, signal] = await once(child, 'exit');
    process.stderr.write((await Promise.all(output)).join(''));
    return { file, arguments_, status, signal };
  });
  for (const { file, arguments_, ...result } of await Promise.all(results)) {
    if (result.status !== 0) fail(file, arguments_, result);
  }
}

/** @param {AsyncIterable<Buffer>} stream */
async function textOf(stream) {
  let text = '';
  for await (const chunk of stream) text += chunk;
  return text;
}

/**
 * Says how a program ended, and ends this process.
 *
 * @param {string} file
 * @param {string[]} arguments_
 * @param {{ status: number | null, signal: string | null, error?: Error }} result
 * @returns {never}
 */
function fail(file, arguments_, result) {
  const how =
    result.error?.message ??
    (result.signal ? `was ended by ${result.signal}` : `ended with ${result.status}`);
  process.stderr.write(`${path.basename(file)} ${arguments_.slice(0, 2).join(' ')}: ${how}\n`);
  process.exit(1);
}
