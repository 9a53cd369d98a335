/** What a test file has to put away when it is over. `setup.ts` sees to it: one module serves many test files of a worker. */

type PutAway = () => Promise<void>;

const left: PutAway[] = [];

/** Has `putAway` run once all tests of this file are done; what came last is put away first. */
export function atEndOfFile(putAway: PutAway): void {
  left.push(putAway);
}

export async function putAllAway(): Promise<void> {
  for (const putAway of left.splice(0).reverse()) await putAway();
}
