/** `deploy/compose.yml`: a file that Compose takes, and that agrees with the server. */
import path from 'node:path';
import { DCLinter } from 'dclint';
import { describe, expect, it } from 'vitest';
import { deployFiles, deployFolder, deployText, deployYaml, type Yaml } from './deploy-files.ts';

/** The types of the linter are not found under NodeNext. */
interface Finding {
  type: 'error' | 'warning';
  rule: string;
  message: string;
}

const { services, volumes, networks } = deployYaml('compose.yml');

describe('deploy/compose.yml', () => {
  it('fits the schema of the Compose Specification, and has no fault that a linter calls an error', () => {
    const linter = new DCLinter({ rules: {}, quiet: true, debug: false, exclude: [] });
    const [result]: { messages: Finding[] }[] = linter.lintFiles(
      [path.join(deployFolder, 'compose.yml')],
      false,
    );
    const errors = result?.messages.filter(({ type }) => type === 'error');
    expect(errors).toEqual([]);
  });

  it.each(['api', 'encode'])('the nodes "%s" stop gracefully and write to scratch space alone', (name) => {
    const node = services[name];
    expect(node).toMatchObject({
      environment: { ROLE: name, S3_BUCKET: 'audio' },
      read_only: true,
      cap_drop: ['ALL'],
      deploy: { replicas: 2 },
    });
    expect(Number.parseInt(node.stop_grace_period, 10)).toBeGreaterThan(10);
    expect(node).not.toHaveProperty('volumes');
    expect(node).not.toHaveProperty('ports');
    expect(node.security_opt).toContain('no-new-privileges:true');
  });

  it('nginx alone has a port, on the loopback unless told otherwise', () => {
    const withPorts = Object.entries<Yaml>(services).filter(([, service]) => service.ports);
    expect(withPorts.map(([name, { ports }]) => [name, ports])).toEqual([
      [
        'nginx',
        [{ host_ip: expect.stringContaining(':-127.0.0.1'), published: expect.anything(), target: 80 }],
      ],
    ]);
    expect(networks.back).toEqual({ internal: true });
    for (const name of ['postgres', 'garage', 'encode']) expect(services[name].networks).toEqual(['back']);
  });

  it('every service is checked for its health, or ends', () => {
    for (const [name, service] of Object.entries<Yaml>(services)) {
      if (name === 'bucket') expect(service.restart).toBe('on-failure');
      else expect(service.healthcheck.test[0], name).toBe('CMD');
    }
  });

  it('every volume is used, and every file that is mounted is there', () => {
    const sources = Object.values<Yaml>(services)
      .flatMap(({ volumes: mounts = [] }) => mounts)
      .map((mount: string) => mount.split(':')[0] as string);
    const ofFiles = sources.filter((source) => source.startsWith('./')).map((source) => source.slice(2));
    expect(deployFiles).toEqual(expect.arrayContaining(ofFiles));
    expect(sources.filter((source) => !source.startsWith('./')).sort()).toEqual(Object.keys(volumes).sort());
    expect(deployFiles).toContain('seccomp.json');
  });

  it('nginx closes idle connections before the nodes do, and passes everything to their service', () => {
    const text = deployText('balancer.conf');
    expect(text).toContain('server api:8000 resolve');
    const [, seconds] = /keepalive_timeout (\d+)s/.exec(text) ?? [];
    expect(Number(seconds)).toBeLessThan(72);
  });
});
