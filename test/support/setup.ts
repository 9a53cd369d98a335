/** Runs before every test file. */
import { afterAll } from 'vitest';
import { putAllAway } from './end-of-file.ts';

afterAll(putAllAway);
