/** Single lines about nodes: read from their logs, and written for people. */

/** Returns the track that a node begins to encode, by a line of its log; undefined for any other line. */
export function takenTrack(line: string): string | undefined {
  if (!line.includes('"lease taken"')) return undefined;
  try {
    return (JSON.parse(line) as { filename?: string }).filename;
  } catch {
    return undefined;
  }
}

/** @param how exit code, or the signal that ended it. */
export function endOf(
  { name, role, pid }: { name: string; role: 'api' | 'encode'; pid: number },
  how: number | string,
): string {
  const ended = typeof how === 'string' ? `was ended by ${how}` : `has ended with code ${how}`;
  const next =
    role === 'api'
      ? 'nginx answers 502 from now on.'
      : 'The other encode node takes its tracks over within 7 s.';
  return `${name} (pid ${pid}) ${ended} and is not started again. ${next}`;
}
