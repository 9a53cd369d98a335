/** The key of the API, where the server asks for one: kept for this tab only. */
import { byId } from './dom.js';

const STORED_AS = 'api-key';

/** @returns {Record<string, string>} headers for a request */
export function keyHeaders() {
  const key = sessionStorage.getItem(STORED_AS);
  return key === null ? {} : { authorization: `Bearer ${key}` };
}

/** Who waits for the key that is being typed just now. @type {Promise<void> | undefined} */
let asking;

/** Asks for a key; whoever else asks meanwhile waits for the same one. */
export function askForKey() {
  asking ??= new Promise((resolve) => {
    const form = byId('key-form', HTMLFormElement);
    const input = byId('key', HTMLInputElement);
    const note = byId('key-note', HTMLElement);
    note.textContent =
      sessionStorage.getItem(STORED_AS) === null ? '' : 'That key is not one of the server’s.';
    form.hidden = false;
    input.value = '';
    input.focus();
    form.addEventListener(
      'submit',
      (event) => {
        event.preventDefault();
        // What cannot be a key cannot be said in a header either.
        sessionStorage.setItem(STORED_AS, input.value.replace(/[^\x21-\x7e]/g, ''));
        input.value = '';
        form.hidden = true;
        asking = undefined;
        resolve();
      },
      { once: true },
    );
  });
  return asking;
}
