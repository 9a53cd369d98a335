/** Sends mutated forms one after the other: each must get a sensible response, and leave nothing in use. */
import { mutatedForm, requestOf } from './forms.ts';
import { sendRaw } from './raw-http.ts';
import { seeded, untilNone } from './server.ts';

/** Sensible statuses: known already, stored, malformed, too slow, not audio. */
const SENSIBLE = new Set([200, 202, 400, 408, 415]);
const SETTLE_MS = 10_000;

export interface FormFuzzOptions {
  url: string;
  /** A file that the server has already, so that a form that arrives whole gets a response at once. */
  audio: Buffer;
  forms: number;
  seed: number;
  /** Resolves with the units in use, by the name of their budget. */
  usage(): Promise<Record<string, number>>;
}

export interface FormFuzzReport {
  failures: string[];
  answers: Map<number, number>;
}

export async function fuzzForms(options: FormFuzzOptions): Promise<FormFuzzReport> {
  const report: FormFuzzReport = { failures: [], answers: new Map() };
  for (let number = 0; number < options.forms; number++) {
    const random = seeded(options.seed * 1_000_003 + number);
    const form = mutatedForm(options.audio, random);
    const request = requestOf(form, random);
    try {
      const { status, body } = await sendRaw(options.url, request);
      report.answers.set(status, (report.answers.get(status) ?? 0) + 1);
      const isSensible = SENSIBLE.has(status) || (status === 0 && request.end === 'leave');
      if (!isSensible) throw new Error(`answered ${status}: ${body}`);
      await assertNothingHeld(options);
    } catch (error) {
      report.failures.push(`form ${number} (${form.done.join(', ')}): ${(error as Error).message}`);
    }
  }
  return report;
}

async function assertNothingHeld({ usage }: FormFuzzOptions): Promise<void> {
  const inUse = await untilNone(() => budgetsInUse(usage), SETTLE_MS);
  if (inUse.length > 0) throw new Error(`still in use: ${inUse.join(', ')}`);
}

/** Lists the budgets with units in use. */
export async function budgetsInUse(usage: FormFuzzOptions['usage']): Promise<string[]> {
  const inUse = Object.entries(await usage()).filter(([, units]) => units !== 0);
  return inUse.map(([name, units]) => `${name}: ${units}`);
}
