/**
 * Writes the initializers that WGSL implies. `var x : T;` starts at zero each time it is executed,
 * also in a loop; some implementations keep the value of the last iteration there
 * (`shader-fix.ts`). `var x : T = T();` means the same and is right on those too.
 *
 * @see https://github.com/gpuweb/gpuweb/blob/c2be4cd/wgsl/index.bs "var Declarations"
 */

/** The words that begin a loop. WGSL reserves them: nothing else can have these names. */
const LOOPS: ReadonlySet<string> = new Set(['for', 'while', 'loop']);

/**
 * Gives each variable that is declared inside a loop, or in the head of an inner one, without an
 * initializer the zero value of its type. The rest of the source stays as it is.
 *
 * @param code valid WGSL
 */
export function initializeLoopVariables(code: string): string {
  const tokens = tokenize(code);
  /** Of each open block, whether it is in a loop. */
  const blocks: boolean[] = [];
  let isLoopHead = false;
  let fixed = '';
  let copied = 0;
  for (const [i, { text }] of tokens.entries()) {
    if (LOOPS.has(text)) isLoopHead = true;
    else if (text === '{') {
      blocks.push(isLoopHead || blocks.at(-1) === true);
      isLoopHead = false;
    } else if (text === '}') blocks.pop();
    else if (text === 'var' && blocks.at(-1) === true) {
      const type = typeWithoutInitializer(tokens, i);
      if (type === undefined) continue;
      fixed += `${code.slice(copied, type.end)} = ${code.slice(type.start, type.end)}()`;
      copied = type.end;
    }
  }
  return fixed + code.slice(copied);
}

interface Span {
  readonly start: number;
  readonly end: number;
}

interface Token extends Span {
  readonly text: string;
}

/**
 * Words (names, keywords, numbers) and single characters, without blanks and comments. Operators
 * come character by character, so that `>>` and `>=` can end templates.
 */
function tokenize(code: string): Token[] {
  const tokens: Token[] = [];
  const piece = /\/\/[^\n\v\f\r\u0085\u2028\u2029]*|\/\*|\p{XID_Continue}+|\s+|./gsu;
  for (let match = piece.exec(code); match !== null; match = piece.exec(code)) {
    const [text] = match;
    if (text === '/*') piece.lastIndex = endOfComment(code, piece.lastIndex);
    else if (!text.startsWith('//') && text.trim() !== '')
      tokens.push({ text, start: match.index, end: piece.lastIndex });
  }
  return tokens;
}

/** Block comments nest. `from` is after the `/*` that opens one. */
function endOfComment(code: string, from: number): number {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = from;
  for (let depth = 1; depth > 0; ) {
    const match = mark.exec(code);
    if (match === null) return code.length;
    depth += match[0] === '/*' ? 1 : -1;
  }
  return mark.lastIndex;
}

/** The type in `var<…> name : type;` at `tokens[at]`. Undefined where a value follows. */
function typeWithoutInitializer(tokens: readonly Token[], at: number): Span | undefined {
  const colon = afterTemplate(tokens, at + 1) + 1;
  if (tokens[colon]?.text !== ':') return undefined;
  const after = afterTemplate(tokens, colon + 2);
  if (tokens[after]?.text !== ';') return undefined;
  return { start: tokens[colon + 1]!.start, end: tokens[after - 1]!.end };
}

/**
 * `at`, or the place after the template list that begins there. Between its angle brackets,
 * comparisons are only found in parentheses, but `<<` and `<=` are not.
 */
function afterTemplate(tokens: readonly Token[], at: number): number {
  if (tokens[at]?.text !== '<') return at;
  let depth = 0;
  let parentheses = 0;
  for (let i = at; i < tokens.length; i++) {
    const { text, end } = tokens[i]!;
    if (text === '(' || text === '[') parentheses++;
    else if (text === ')' || text === ']') parentheses--;
    else if (parentheses > 0) continue;
    else if (text === '<') {
      const next = tokens[i + 1];
      const isOperator = next?.start === end && (next.text === '<' || next.text === '=');
      if (isOperator) i++;
      else depth++;
    } else if (text === '>') {
      depth--;
      if (depth === 0) return i + 1;
    }
  }
  return tokens.length;
}
