/** One server-sent event. */
export interface ServerEvent {
  /** `""` where the event has no name. */
  name: string;
  data: string;
}

/**
 * Text that arrives in pieces as server-sent events. Comments, ids and reconnection times are left
 * out. An event counts once its blank line has come.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class EventParser {
  /** Of the line that has not ended. */
  #pieces: string[] = [];
  /** Whether a line feed that comes next belongs to the line end before it. */
  #mayFollow = false;
  #name = '';
  #data: string[] = [];

  /** The events that end in `text`. */
  push(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    // The second half of a line end whose first half ended the last piece.
    const rest = this.#mayFollow && text.startsWith('\n') ? text.slice(1) : text;
    if (text !== '') this.#mayFollow = text.endsWith('\r');
    this.#pieces.push(rest);
    // A long line is put together once, not with every piece of it.
    if (!/[\r\n]/.test(rest)) return events;
    const lines = this.#pieces.join('').split(/\r\n|\n|\r/);
    this.#pieces = [lines.pop() as string];
    for (const line of lines) {
      if (line === '') {
        if (this.#data.length > 0) events.push({ name: this.#name, data: this.#data.join('\n') });
        this.#name = '';
        this.#data = [];
      } else {
        this.#take(line);
      }
    }
    return events;
  }

  #take(line: string): void {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.#data.push(value);
    if (field === 'event') this.#name = value;
  }
}
