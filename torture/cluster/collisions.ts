/** Requests that meet each other on different nodes. */
import { trackAt, untilReady } from '../exact.ts';
import { submit } from '../submit.ts';
import { homeOf, leaseOf, segmentCount } from './leases.ts';
import { beginTrack, endTrack } from './owner-faults.ts';
import { check, eventually, type Scenario } from './scenario.ts';

const sameBytes: Scenario = {
  id: 'same-bytes',
  fault: 'the same bytes uploaded on three nodes at once',
  must: 'one track, encoded once',
  async run(arena) {
    const { cluster, nodes, file } = arena;
    const source = file(0.5);
    const answers = await Promise.all(nodes.map((node) => submit(node.url, source, 'true')));
    const statuses = answers.map(({ status }) => status).sort();
    check(String(statuses) === '200,200,201', `the uploads are answered with ${statuses}`);
    const names = new Set(answers.map(({ body }) => body.filename));
    check(names.size === 1, `they are ${names.size} tracks: ${[...names].join(', ')}`);
    const [filename] = names as Set<string>;
    const end = await endTrack(arena, filename as string);
    const rows = await cluster.query('select 1 from tracks where name_key like $1', [`${source.name}%`]);
    check(rows.length === 1, `${rows.length} records`);
    return `${statuses.join(', ')}, one track; ${end}`;
  },
};

const sameName: Scenario = {
  id: 'same-name',
  fault: 'the same name with other bytes on three nodes at once',
  must: 'three tracks, two of them -2 and -3',
  async run(arena) {
    const { nodes, file } = arena;
    const sources = nodes.map(() => file(0.1));
    const { name } = sources[0] as { name: string };
    const answers = await Promise.all(
      nodes.map((node, index) =>
        submit(node.url, { name, bytes: (sources[index] as { bytes: Buffer }).bytes }, 'true'),
      ),
    );
    const stem = name.replace(/\.[^.]+$/, '');
    const names = answers.map(({ body }) => body.filename).sort();
    const expected = ['', '-2', '-3'].map((suffix) => name.replace(stem, `${stem}${suffix}`)).sort();
    check(String(names) === String(expected), `they are called ${names}, not ${expected}`);
    for (const each of names) await endTrack(arena, each);
    return `${names.join(', ')}; all ready, exact to the sample`;
  },
};

const deleted: Scenario = {
  id: 'delete-elsewhere',
  fault: 'DELETE on one node while another encodes',
  must: 'gone on every node, the encode stops, nothing left in S3',
  async run(arena) {
    const { cluster, nodes } = arena;
    const [, other] = nodes;
    const { track } = await beginTrack(arena, 6);
    const home = await homeOf(cluster, track.filename);
    const url = `/files/${encodeURIComponent(track.filename)}`;
    const response = await fetch(`${other.url}${url}`, { method: 'DELETE' });
    check(response.status === 204, `DELETE is answered with ${response.status}`);
    const startedAt = performance.now();
    await eventually(5000, async () => {
      for (const node of nodes) {
        const { status } = await fetch(`${node.url}${url}`);
        check(status === 404, `${node.name} still answers with ${status}`);
      }
    });
    const goneMs = Math.round(performance.now() - startedAt);
    await eventually(15_000, async () => {
      check((await leaseOf(cluster, track.filename)) === undefined, 'there still is a lease');
      const left = (await cluster.objects()).filter((key) => key.includes(home));
      check(left.length === 0, `${left.length} objects are left, such as ${left[0]}`);
    });
    const emptyMs = Math.round(performance.now() - startedAt);
    // What was on its way to S3 at that moment would have arrived by now.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    check((await segmentCount(cluster, home)) === 0, 'a segment was stored after the deletion');
    return `unknown to all nodes after ${goneMs} ms, nothing left in S3 after ${emptyMs} ms`;
  },
};

const retried: Scenario = {
  id: 'everywhere',
  fault: 'upload, play and delete, each on another node',
  must: 'every node answers the same',
  async run(arena) {
    const { nodes, file } = arena;
    const [one, two, three] = nodes;
    const { body } = await submit(one.url, file(0.2), 'true');
    const ready = await untilReady(two.url, body.filename);
    const same = await eventually(5000, async () => {
      const tracks = await Promise.all(nodes.map((node) => trackAt(node.url, body.filename)));
      check(
        new Set(tracks.map((track) => JSON.stringify(track))).size === 1,
        'the nodes tell different things',
      );
      return tracks.length;
    });
    const end = await endTrack(arena, ready.filename);
    await fetch(`${three.url}/files/${encodeURIComponent(ready.filename)}`, { method: 'DELETE' });
    await eventually(5000, async () => {
      const { status } = await fetch(`${one.url}/files/${encodeURIComponent(ready.filename)}`);
      check(status === 404, `the first node still answers with ${status}`);
    });
    return `${same} nodes tell the same; ${end}; deleted everywhere`;
  },
};

export const collisions = [sameBytes, sameName, deleted, retried];
