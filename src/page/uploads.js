/** Uploads chosen and dropped files, two at a time, and shows their progress. */
import { upload } from './api.js';
import { button, byId, element } from './dom.js';

const AT_A_TIME = 2;
const ENCODED_MEANWHILE = 'encoded while it uploads, where its format allows that';

export function watchUploads() {
  const input = byId('file', HTMLInputElement);
  const drop = byId('drop', HTMLLabelElement);
  const list = byId('uploads', HTMLUListElement);
  /** @type {(() => Promise<void>)[]} */
  const waiting = [];
  let running = 0;

  const startNext = () => {
    while (running < AT_A_TIME) {
      const start = waiting.shift();
      if (!start) return;
      running++;
      void start().finally(() => {
        running--;
        startNext();
      });
    }
  };

  /** @param {File} file */
  const add = (file) => {
    const progress = document.createElement('progress');
    progress.value = 0;
    progress.setAttribute('aria-label', `Uploading ${file.name}`);
    const note = element('span', { className: 'note' });
    const item = element('li', {}, element('span', { className: 'name', text: file.name }), note, progress);
    list.append(item);
    waiting.push(async () => {
      try {
        await upload(file, (fraction) => {
          progress.value = fraction;
          note.textContent = fraction < 1 ? ENCODED_MEANWHILE : '';
        });
        item.remove();
      } catch (error) {
        const { message } = /** @type {Error} */ (error);
        const dismiss = button('Dismiss', () => item.remove(), { label: `Dismiss ${file.name}` });
        note.remove();
        progress.replaceWith(element('span', { className: 'note error', text: message }));
        item.append(element('span', { className: 'actions' }, dismiss));
      }
    });
    startNext();
  };

  input.addEventListener('change', () => {
    for (const file of input.files ?? []) add(file);
    input.value = '';
  });
  // On the whole document, for the browser would open a file that is dropped beside the field.
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    drop.classList.add('over');
  });
  document.addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) drop.classList.remove('over');
  });
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    for (const file of event.dataTransfer?.files ?? []) add(file);
  });
}
