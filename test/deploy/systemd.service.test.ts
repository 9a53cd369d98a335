/** `deploy/systemd/`, as systemd reads it. */
import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/folders.ts';
import { isThere } from '../support/requirement.ts';
import { deployFolder } from './deploy-files.ts';

const UNIT = 'systemd/audio@.service';

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
