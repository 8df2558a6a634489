/** The statuses with which services refuse a field. */
const REFUSED: readonly number[] = [400, 422];

/** What a service's models refused, so that the next request is right at once. */
export class DispensableFields {
  readonly #fields: readonly string[];
  /** By model, the fields that it refused. */
  readonly #refused = new Map<string | undefined, Set<string>>();

  constructor(fields: readonly string[] = []) {
    this.#fields = fields;
  }

  /** The body without what its model has refused. */
  without(body: Readonly<Record<string, unknown>>, model: string | undefined): Record<string, unknown> {
    const refused = this.#refused.get(model);
    return Object.fromEntries(Object.entries(body).filter(([field]) => refused?.has(field) !== true));
  }

  /**
   * Remembers the fields of a body that a refusal names. False where it names none that can be left
   * out: the request is wrong in another way.
   *
   * @param refusal JSON or text
   */
  learn(status: number, refusal: unknown, body: Readonly<Record<string, unknown>>, model: string | undefined): boolean {
    const said = JSON.stringify(refusal) ?? '';
    const named = this.#fields.filter((field) => Object.hasOwn(body, field) && said.includes(field));
    if (!REFUSED.includes(status) || named.length === 0) return false;
    this.#refused.set(model, new Set([...(this.#refused.get(model) ?? []), ...named]));
    return true;
  }
}
