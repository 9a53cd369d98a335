/** Renders the settings for people: `--help`, and the table of docs/configuration.md. Pure. */
import { SETTINGS, type Setting } from './settings.ts';

const WIDTH = 100;

/** Returns the text that `--help` prints. */
export function helpText(): string {
  const entries = Object.entries(SETTINGS).map(([name, setting]) => {
    const about = setting.description.replaceAll('`', '');
    return [
      `  ${name}${defaultOf(setting) === '' ? '' : ` (default: ${defaultOf(setting)})`}`,
      ...wrapped(about, WIDTH - 6).map((line) => `      ${line}`),
    ].join('\n');
  });
  return `Audio streaming server. It takes no arguments; environment variables configure it:

${entries.join('\n')}

Example: PORT=9000 KEEP_ORIGINALS=true npm start
`;
}

/** Returns the settings as a table in Markdown. */
export function settingsTable(): string {
  const rows = Object.entries(SETTINGS).map(([name, setting]) => {
    const usual =
      setting.shown === undefined && setting.usual !== '' ? `\`${setting.usual}\`` : defaultOf(setting);
    return `| \`${name}\` | ${usual} | ${setting.description} | \`${setting.example}\` |`;
  });
  return ['| variable | default | meaning | example |', '|---|---|---|---|', ...rows].join('\n');
}

function defaultOf({ shown, usual }: Setting): string {
  return shown ?? usual;
}

/** Breaks a sentence into lines of at most `width` characters. */
function wrapped(sentence: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of sentence.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
