import { describe, expect, it } from 'vitest';
import { endOf, takenTrack } from '../../cluster/lines.ts';

describe('a line of the log', () => {
  it('names the track that the node begins to encode', () => {
    const line = '{"level":30,"node":"encode-1","filename":"tök.mp3","epoch":"1","msg":"lease taken"}';
    expect(takenTrack(line)).toBe('tök.mp3');
  });

  it.each(['{"level":30,"filename":"a.mp3","msg":"track ready"}', 'no JSON: "lease taken"', ''])(
    'names none in %s',
    (line) => {
      expect(takenTrack(line)).toBeUndefined();
    },
  );
});

describe('the end of a node', () => {
  it('says the signal, and who goes on', () => {
    expect(endOf({ name: 'encode-1', role: 'encode', pid: 12 }, 'SIGKILL')).toBe(
      'encode-1 (pid 12) was ended by SIGKILL and is not started again. The other encode node takes its tracks over within 7 s.',
    );
  });

  it('says the exit code, and what players get', () => {
    expect(endOf({ name: 'api', role: 'api', pid: 13 }, 1)).toBe(
      'api (pid 13) has ended with code 1 and is not started again. nginx answers 502 from now on.',
    );
  });
});
