/** The files of `deploy/`, read as their tools read them. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { projectFolder } from '../../testkit/server-process.ts';

export const deployFolder = path.join(projectFolder, 'deploy');

/** A value of YAML that tests look into. */
// biome-ignore lint/suspicious/noExplicitAny: what a file holds is what its test finds out.
export type Yaml = any;

/** Names of all files below `deploy/`, with slashes. */
export const deployFiles = readdirSync(deployFolder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => path.relative(deployFolder, path.join(entry.parentPath, entry.name)))
  .map((file) => file.split(path.sep).join('/'))
  .sort();

export function deployText(file: string): string {
  return readFileSync(path.join(deployFolder, file), 'utf8');
}

/** Reads a file of YAML, with merge keys as Compose reads them. */
export function deployYaml(file: string): Yaml {
  return parse(deployText(file), { merge: true });
}

/** Reads all documents of a file of YAML. @throws {Error} where one of them is not well-formed. */
export function deployDocuments(file: string): Yaml[] {
  return parseAllDocuments(deployText(file)).map((document) => {
    const [error] = 'errors' in document ? document.errors : [];
    if (error) throw error;
    return document.toJS();
  });
}
