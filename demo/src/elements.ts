/** The element of index.html with this id, as its own class. */
export function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`index.html must have a ${type.name} with id "${id}"`);
  return found;
}
