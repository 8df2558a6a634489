/** The element of index.html with this id, as its own class. */
export function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`index.html must have a ${type.name} with id "${id}"`);
  return found;
}

/** A new element with these properties and children. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Partial<HTMLElementTagNameMap[Tag]>,
  ...children: Node[]
): HTMLElementTagNameMap[Tag] {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** @param label names what it is for to screen readers; absent where `text` says enough */
export function button(text: string, onClick: () => void, label: string | null = null): HTMLButtonElement {
  const made = make('button', { type: 'button', textContent: text, ariaLabel: label });
  made.addEventListener('click', onClick);
  return made;
}

/** An entry of a list: title, details, and what can be done. */
export function row(title: string, details: string, ...controls: HTMLElement[]): HTMLLIElement {
  const about = make(
    'div',
    { className: 'about' },
    make('div', { textContent: title }),
    make('div', { className: 'quiet', textContent: details }),
  );
  return make('li', {}, about, ...controls);
}

/** One paragraph a line. The place is hidden where there is nothing to say. */
export function showLines(place: HTMLDivElement, lines: readonly string[]): void {
  place.replaceChildren(...lines.map((textContent) => make('p', { textContent })));
  place.hidden = lines.length === 0;
}
