/** Finds, creates and fills elements. */

/**
 * Returns an element by its id.
 *
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`no ${type.name} with the id ${id}`);
  return element;
}

/**
 * Creates an element.
 *
 * @param {string} tag
 * @param {{ className?: string, text?: string }} [options]
 * @param {Node[]} children
 */
export function element(tag, { className = '', text = '' } = {}, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

/**
 * Creates a button.
 *
 * @param {string} text
 * @param {() => unknown} onClick
 * @param {{ className?: string, label?: string }} [options]
 */
export function button(text, onClick, { className = '', label = text } = {}) {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = className;
  made.textContent = text;
  made.setAttribute('aria-label', label);
  made.addEventListener('click', () => void onClick());
  return made;
}

/**
 * Shows an error message.
 *
 * @param {HTMLElement} place
 * @param {string} text  an empty text hides the place
 */
export function showError(place, text) {
  place.textContent = text;
  place.hidden = text === '';
}
