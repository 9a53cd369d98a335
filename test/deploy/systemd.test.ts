/** `deploy/systemd/`: a unit that systemd takes, and that leaves the server what it needs. */
import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/folders.ts';
import { isThere } from '../support/requirement.ts';
import { deployFolder, deployText } from './deploy-files.ts';

const UNIT = 'systemd/audio@.service';
const lines = deployText(UNIT).split('\n');
const settingsOf = (name: string) =>
  lines.filter((line) => line.startsWith(`${name}=`)).map((line) => line.slice(name.length + 1));

const hasSystemd = isThere(spawnSync('systemd-analyze', ['--version']).status === 0, {
  what: 'there is no systemd-analyze (apt-get install systemd)',
  untested: 'deploy/systemd',
});

describe.runIf(hasSystemd)('systemd', () => {
  it.each(['api', 'encode', 'all'])('takes audio@%s', async (role) => {
    const folder = await temporaryFolder();
    const unit = path.join(folder, 'audio@.service');
    copyFileSync(path.join(deployFolder, UNIT), unit);
    const { status, stderr } = spawnSync('systemd-analyze', [
      'verify',
      path.join(folder, `audio@${role}.service`),
    ]);
    // Of other units on this machine it says things as well; of a machine without Node.js that it is missing.
    const ofOurs = String(stderr)
      .split('\n')
      .filter((line) => line.includes('audio@') && !line.includes('/usr/bin/node'));
    expect(ofOurs).toEqual([]);
    expect([0, 1]).toContain(status);
  });
});

describe('the unit', () => {
  it('gives the server time for a graceful stop, and signals to nobody else', () => {
    expect(Number(settingsOf('TimeoutStopSec'))).toBeGreaterThan(10);
    expect(settingsOf('KillMode')).toEqual(['mixed']);
    expect(settingsOf('Restart')).toEqual(['always']);
  });

  it('lets bubblewrap make namespaces and mounts, and gives no right to do so as root', () => {
    expect(settingsOf('SystemCallFilter')).toEqual([expect.stringContaining('@mount')]);
    expect(settingsOf('RestrictAddressFamilies')).toEqual([expect.stringContaining('AF_NETLINK')]);
    for (const forbidding of ['RestrictNamespaces', 'MemoryDenyWriteExecute', 'NoExecPaths']) {
      expect(settingsOf(forbidding)).toEqual([]);
    }
    expect(settingsOf('CapabilityBoundingSet')).toEqual(['']);
    expect(settingsOf('NoNewPrivileges')).toEqual(['yes']);
  });
});
