/** Server-sent events on their way to one reader. */
export class EventQueue {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #encoder = new TextEncoder();
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #begin: () => void = () => undefined;
  /**
   * Resolves with the first event, or with a comment if none came within `silenceMs`. More comments
   * follow in silence, to keep the connection open.
   */
  readonly begun: Promise<void>;
  hasBegun = false;

  constructor(silenceMs: number, onCancel: () => void) {
    this.readable = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => {
        this.#end();
        onCancel();
      },
    });
    this.begun = new Promise((resolve) => {
      this.#begin = resolve;
    });
    this.#timer = setInterval(() => this.push(': keep-alive\n\n'), silenceMs);
  }

  /** Nothing happens once the queue has ended. */
  push(text: string): void {
    if (this.#controller === undefined) return;
    this.#controller.enqueue(this.#encoder.encode(text));
    this.hasBegun = true;
    this.#begin();
  }

  close(): void {
    this.#controller?.close();
    this.#end();
  }

  fail(reason: unknown): void {
    this.#controller?.error(reason);
    this.#end();
  }

  #end(): void {
    this.#controller = undefined;
    clearInterval(this.#timer);
  }
}
