/**
 * The two vectors of a pair in the source of the WebAssembly kernels: what is done to
 * both is written once there.
 *
 * V8 makes one vector of 256 bits of two (`--experimental-wasm-revectorize`) where
 * loads and stores come in pairs with nothing between them. So a statement with a `$`
 * in it stands for two, one behind the other: with 0 in its place, and with 1.
 *
 *     const x$ = v128.load(row, 16 * $);
 *
 * A function with `$n` in its name stands for two, with 1 and with 2 in its place: one
 * of a single vector, and one of a pair. A block `each4: { … }` stands for four, one
 * behind the other, with 0 to 3 in the place of each `$i`.
 *
 * @module
 */

/** Comments, texts, and what begins or ends statements and calls; and all between. */
const PIECES = /\/\*[^]*?\*\/|\/\/.*|"[^"]*"|[(){};]|[^(){};/"]+|\//g;

/** A function of one vector or two, up to the brace that ends it. */
const FUNCTION_OF_ANY = /^(?:export )?function \w+\$n\([^]*?^\}\n/gm;

/** A block that is written out four times. */
const BLOCK_OF_FOUR = /each4: \{([^{}]*)\}/g;

/** The source with all that stands for several written out. */
export function expandPairs(source: string): string {
  const fours = source.replace(
    BLOCK_OF_FOUR,
    (_, block: string) => times(4, (i) => block.replaceAll("$i", `${i}`)),
  );
  const ofAny = fours.replace(
    FUNCTION_OF_ANY,
    (text) =>
      [1, 2].map((n) => expand(text.replaceAll("$n", `${n}`), n)).join(""),
  );
  return expand(ofAny, 2);
}

/** The source with statements on so many vectors written out. */
function expand(source: string, vectors: number): string {
  return [...statementsOf(source)].map((statement) =>
    statement.includes("$")
      ? times(vectors, (i) => statement.replaceAll("$", `${i}`))
      : statement
  ).join("");
}

function times(count: number, text: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => text(i)).join("");
}

/** Divides a source where a statement ends, and where a block begins or ends. */
function* statementsOf(source: string): Generator<string> {
  let statement = "", depth = 0;
  for (const [piece] of source.matchAll(PIECES)) {
    statement += piece;
    if (piece === "(") depth++;
    if (piece === ")") depth--;
    if (depth > 0 || !";{}".includes(piece)) continue;
    yield statement;
    statement = "";
  }
  yield statement;
}
