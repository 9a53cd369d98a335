/** `deploy/kubernetes/`: objects that a cluster takes, and that agree with each other and with the server. */
import { describe, expect, it } from 'vitest';
import { deployDocuments, deployFiles, deployYaml, type Yaml } from './deploy-files.ts';
import { faultsOf } from './kubernetes-schema.ts';

/** Seconds that a stop of the server takes at most. */
const SERVER_STOPS_SECONDS = 10;
const GIB = 1024 ** 3;

const files = deployFiles.filter((file) => /^kubernetes\/.*\.yaml$/.test(file));
const isKustomization = (file: string) => file.endsWith('kustomization.yaml');
const isPatch = (file: string) => file.endsWith('bubblewrap.yaml');
const objects = files
  .filter((file) => !isKustomization(file))
  .flatMap((file) => deployDocuments(file).map((object) => ({ file, object })));

const find = (kind: string, name: string): Yaml => {
  const found = objects.find(
    ({ file, object }) => !isPatch(file) && object.kind === kind && object.metadata.name === name,
  );
  if (!found) throw new Error(`there is no ${kind} "${name}"`);
  return found.object;
};
const podOf = (name: string): Yaml => find('Deployment', name).spec.template.spec;
const containerOf = (name: string): Yaml => podOf(name).containers[0];

describe('the objects', () => {
  it.each(objects.filter(({ file }) => !isPatch(file)))(
    '$file: $object.kind fits its schema',
    ({ object }) => {
      expect(faultsOf(object)).toEqual([]);
    },
  );

  it('a patch has known properties only', () => {
    const patch = objects.find(({ file }) => isPatch(file))?.object;
    const faults = faultsOf(patch).filter((fault) => fault.endsWith('is no property'));
    expect(faults).toEqual([]);
  });

  it('a wrong object is found wrong', () => {
    const wrong = structuredClone(find('Deployment', 'api'));
    const [container] = wrong.spec.template.spec.containers;
    container.readinesProbe = container.readinessProbe;
    container.ports[0].containerPort = 'http';
    delete wrong.spec.selector;
    const faults = faultsOf(wrong).join('\n');
    expect(faults).toContain('spec.template.spec.containers.0.readinesProbe is no property');
    expect(faults).toContain('data/spec/template/spec/containers/0/ports/0/containerPort must be integer');
    expect(faults).toContain('must have required property selector');
  });

  it('kustomizations name every file, and none that is not there', () => {
    const named = files.filter(isKustomization).flatMap((file) => {
      const { resources = [], patches = [] } = deployYaml(file);
      const folder = file.slice(0, -'kustomization.yaml'.length);
      const paths = [...resources, ...patches.flatMap((patch: Yaml) => patch.path ?? [])];
      return paths.map((path: string) => folder + path);
    });
    const template = 'kubernetes/secret.example.yaml';
    expect(named.sort()).toEqual(files.filter((file) => !isKustomization(file) && file !== template));
  });
});

describe.each(['api', 'encode'])('the nodes "%s"', (name) => {
  it('have an identity without rights, and a root that nobody writes to', () => {
    const pod = podOf(name);
    const container = containerOf(name);
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container.volumeMounts).toEqual([{ name: 'data', mountPath: '/data' }]);
  });

  it('are given time for a graceful stop', () => {
    const waits = containerOf(name).lifecycle?.preStop.sleep.seconds ?? 0;
    expect(podOf(name).terminationGracePeriodSeconds).toBeGreaterThanOrEqual(
      waits + SERVER_STOPS_SECONDS + 5,
    );
  });

  it('have room for SCRATCH_BYTES and for what they receive', () => {
    const [{ emptyDir }] = podOf(name).volumes;
    const scratch = Number(find('ConfigMap', 'audio').data.SCRATCH_BYTES);
    const size = Number.parseInt(emptyDir.sizeLimit, 10) * GIB;
    // Two uploads of the default MAX_UPLOAD_BYTES.
    expect(size).toBeGreaterThanOrEqual(scratch + 4 * GIB);
    const { limits, requests } = containerOf(name).resources;
    expect(Number.parseInt(limits['ephemeral-storage'], 10) * GIB).toBeGreaterThan(size);
    expect(limits).not.toHaveProperty('cpu');
    expect(requests).toMatchObject({ cpu: expect.anything(), memory: expect.anything() });
  });

  it('take ROLE, a name and their settings', () => {
    const { env, envFrom } = containerOf(name);
    expect(env).toContainEqual({ name: 'ROLE', value: name });
    expect(env).toContainEqual({
      name: 'NODE_NAME',
      valueFrom: { fieldRef: { fieldPath: 'metadata.name' } },
    });
    expect(envFrom).toEqual([{ configMapRef: { name: 'audio' } }, { secretRef: { name: 'audio' } }]);
  });

  it('join once they can do their work, and are asked for their life alone afterwards', () => {
    const { startupProbe, readinessProbe, livenessProbe } = containerOf(name);
    expect(startupProbe.httpGet.path).toBe('/readyz');
    expect(livenessProbe.httpGet.path).toBe('/healthz');
    if (name === 'api') expect(readinessProbe.httpGet.path).toBe('/healthz');
  });

  it('leave one at a time', () => {
    const budget = find('PodDisruptionBudget', name);
    expect(budget.spec).toMatchObject({ maxUnavailable: 1 });
    expect(budget.spec.selector.matchLabels).toEqual(find('Deployment', name).metadata.labels);
    expect(find('Deployment', name).spec.strategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 });
  });
});

describe('who is called', () => {
  it('the Service finds API nodes, and the route finds the Service', () => {
    const { selector, ports } = find('Service', 'api').spec;
    const { template } = find('Deployment', 'api').spec;
    expect(template.metadata.labels).toMatchObject(selector);
    expect(containerOf('api').ports).toContainEqual({ name: ports[0].targetPort, containerPort: 8000 });
    const [{ backendRefs }] = find('HTTPRoute', 'api').spec.rules;
    expect(backendRefs).toEqual([{ name: 'api', port: ports[0].port }]);
  });

  it('scalers set the replicas of their own Deployment, and nobody else does', () => {
    expect(find('HorizontalPodAutoscaler', 'api').spec.scaleTargetRef).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      name: 'api',
    });
    expect(find('Deployment', 'api').spec).not.toHaveProperty('replicas');
    const scaled = find('ScaledObject', 'encode').spec;
    expect(scaled.scaleTargetRef).toEqual({ name: 'encode' });
    expect(deployYaml('kubernetes/keda/kustomization.yaml').patches[0].patch).toContain('/spec/replicas');
  });

  it('a scaled node gets twice its CONCURRENCY of tracks, by the address that nodes have', () => {
    const [{ metadata, authenticationRef }] = find('ScaledObject', 'encode').spec.triggers;
    const { value } = containerOf('encode').env.find((each: Yaml) => each.name === 'CONCURRENCY');
    expect(Number(metadata.targetQueryValue)).toBe(2 * Number(value));
    const { secretTargetRef } = find('TriggerAuthentication', authenticationRef.name).spec;
    expect(secretTargetRef).toEqual([{ parameter: 'connection', name: 'audio', key: 'DATABASE_URL' }]);
  });
});
