/**
 * Functions that turn a WGSL source into a shader's text. A source is plain WGSL; what differs
 * from text to text are constants, declared before it, and functions that read and
 * write its operands.
 *
 * @module
 */

/** Constants by their names in the text. Compilers drop what a condition of them excludes. */
export type Constants = Readonly<Record<string, number | boolean>>;

/** Declares constants: whole numbers as `u32`, and booleans. */
export function declareConstants(constants: Constants): string {
  return Object.entries(constants).map(([name, value]) =>
    `const ${name} = ${value}${typeof value === "number" ? "u" : ""};\n`
  ).join("");
}

/** Numbers by name, in the order of a struct; vectors come first, which makes them aligned. */
export type UniformTypes = Readonly<
  Record<string, "u32" | "f32" | `array<vec4u, ${number}>`>
>;

/** The declaration of a struct of uniforms. */
export function declareUniforms(name: string, types: UniformTypes): string {
  const members = Object.entries(types)
    .map(([member, type]) => `  ${member}: ${type},`);
  return `struct ${name} {\n${members.join("\n")}\n}\n`;
}

/**
 * A source whose declarations have names of their own, so that a text can have it several
 * times, for different operands: each name `x` that it declares becomes `x_suffix`.
 */
export function instance(source: string, suffix: string): string {
  const names = [...source.matchAll(/^(?:fn|const|var<\w+>) (\w+)/gm)]
    .map(([, name]) => name);
  const declared = RegExp(`(?<!\\.)\\b(${names.join("|")})\\b`, "g");
  return source.replace(declared, `$1_${suffix}`);
}

const LOOP =
  /[ \t]*for \(var (\w+) = 0u; \1 < ([^;]+); \1\+\+\) \{ \/\/ unroll\n/g;

/**
 * Writes out the loops of a text that are marked `// unroll`, whose limits are products
 * and quotients of numbers and constants. Arrays that they index then lie in registers
 * whichever compiler takes the text: naga turns each loop into one that neither FXC nor
 * Metal unrolls.
 *
 *     for (var r = 0u; r < ROWS / 4u; r++) { // unroll
 *
 * An array that is declared in a loop needs a value, `var x = array<vec4f, 4>();`, since
 * naga does not clear it again otherwise.
 *
 * @throws {SyntaxError} If a marked loop has another form, no end or no constant limit.
 */
export function unroll(text: string): string {
  const unrolled = unrolledWith(constantsOf(text), text);
  const left = unrolled.match(/^.*\/\/ unroll$/m);
  if (left) {
    throw new SyntaxError(
      `A loop to be unrolled should read "for (var i = 0u; i < LIMIT; i++) { ` +
        `// unroll", got "${left[0].trim()}"`,
    );
  }
  return unrolled;
}

function unrolledWith(
  constants: ReadonlyMap<string, number>,
  text: string,
): string {
  const parts: string[] = [];
  let end = 0;
  for (const loop of text.matchAll(LOOP)) {
    // Loops in a loop are written out with it.
    if (loop.index < end) continue;
    const [head, name, limit] = loop as unknown as [string, string, string];
    const start = loop.index + head.length;
    parts.push(text.slice(end, loop.index));
    end = endOfBlock(text, start);
    const body = unrolledWith(constants, text.slice(start, end));
    const counter = RegExp(`(?<!\\.)\\b${name}\\b`, "g");
    for (let i = 0; i < valueOf(limit, constants); i++) {
      parts.push(`{\n${body.replace(counter, `${i}u`)}}\n`);
    }
    end += text[end + 1] === "\n" ? 2 : 1;
  }
  return parts.join("") + text.slice(end);
}

/** The constants of a text that are whole numbers. */
export function constantsOf(text: string): ReadonlyMap<string, number> {
  const found = text.matchAll(/^const (\w+) = (\d+)u;/gm);
  return new Map([...found].map(([, name, value]) => [name!, Number(value)]));
}

/** The value of a product or quotient of whole numbers and constants. */
export function valueOf(
  expression: string,
  constants: ReadonlyMap<string, number>,
): number {
  const [first, ...others] = expression.split(/(?=[*/])/);
  const number = (factor: string) => {
    const name = factor.replace(/^[*/]/, "").trim();
    const value = constants.get(name) ??
      (/^\d+u?$/.test(name) ? parseInt(name) : undefined);
    if (value !== undefined) return value;
    throw new SyntaxError(
      `The limit of a loop to be unrolled should consist of numbers and of the ` +
        `text's constants, got ${name} in "${expression}"`,
    );
  };
  return others.reduce(
    (value, factor) =>
      factor[0] === "*"
        ? value * number(factor)
        : Math.floor(value / number(factor)),
    number(first!),
  );
}

/** The place of the brace that ends the block that begins at a place. */
function endOfBlock(text: string, start: number): number {
  for (let at = start, depth = 1; at < text.length; at++) {
    if (text[at] === "{") depth++;
    if (text[at] === "}" && --depth === 0) return at;
  }
  throw new SyntaxError(
    "A loop to be unrolled should end, got none of its end",
  );
}
