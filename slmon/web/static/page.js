// The page's elements by id, changed only when they differ: a board that is lit for weeks does nothing needless.

const found = new Map();

export function el(id) {
  if (!found.has(id)) found.set(id, document.getElementById(id));
  return found.get(id);
}

export function put(id, text) {
  const element = el(id);
  if (element.textContent !== text) element.textContent = text;
}

export function mark(element, attribute, value) {
  const text = String(value);
  if (element.getAttribute(attribute) !== text) element.setAttribute(attribute, text);
}

export function hide(id, hidden) {
  const element = el(id);
  if (element.hidden !== hidden) element.hidden = hidden;
}
