/** The unit of `deploy/systemd/` leaves the server what it needs. */
import { describe, expect, it } from 'vitest';
import { deployText } from './deploy-files.ts';

const lines = deployText('systemd/audio@.service').split('\n');
const settingsOf = (name: string) =>
  lines.filter((line) => line.startsWith(`${name}=`)).map((line) => line.slice(name.length + 1));

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
