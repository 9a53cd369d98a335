/** Asks for the API key if the server needs one, and keeps it for this tab. */
import { byId } from './dom.js';

const STORED_AS = 'api-key';

/** Returns the headers that carry the key. @returns {Record<string, string>} */
export function keyHeaders() {
  const key = sessionStorage.getItem(STORED_AS);
  return key === null ? {} : { authorization: `Bearer ${key}` };
}

/** Resolves when the user has entered the key. @type {Promise<void> | undefined} */
let asking;

/** Asks the user for the key. Calls at the same time share one form. */
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
        // Drop characters that no header can carry; no key has them.
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
