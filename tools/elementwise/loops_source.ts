/**
 * Source of the WebAssembly kernels' loops over elements: one for each function, over
 * eight elements at a time, which are a pair of vectors.
 *
 * @module
 */
import {
  type FunctionName,
  FUNCTIONS,
} from "../../lib/tfjs/wasm/elementwise/functions.ts";
import { COMPUTED, LEFT_OUT } from "./functions.ts";
import { constantsSource, or, trace } from "./vector_code.ts";

/** Where operands lie, in order. */
const OPERANDS = ["x", "y", "z"];

/** A loop's parameters: eights of elements, and for each operand where the first eight and the next ones are. */
const PARAMETERS = ["end", "out", "x", "xStep", "y", "yStep", "z", "zStep"];

/** The text of elementwise_loops.ts. */
export function elementwiseSource(): string {
  const names = Object.keys(FUNCTIONS) as FunctionName[];
  const loops = names.map(loopSource);
  const list = `${
    PARAMETERS.map((name) => `${name}: usize`)
  }, _p: f32, _q: f32`;
  const given = `${PARAMETERS}, _p, _q`;
  return `import { multiplyAdd } from "./simd";
${constantsSource()}
/** Computes eights of elements up to \`end\` in the output; whether some are left out. */
export function perform(operation: i32, ${list}): bool {
switch (operation) {
${names.map((name, i) => `case ${i}: return ${name}(${given});`).join("\n")}
}
return unreachable();
}
${loops.map((loop) => loop.replaceAll("PARAMETERS", list)).join("\n")}`;
}

/**
 * Statements for so many pairs of vectors. One with a `$`, the number of a vector,
 * stands for one of each, and one with a `#`, the number of a pair, for one of each
 * pair, whose vectors are `#0` and `#1`.
 */
function forPairs(
  pairs: number,
  vectors: number,
  lines: readonly string[],
): string[] {
  const times = (count: number, line: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => line(i));
  return lines.flatMap((line) => {
    if (line.includes("$")) {
      return times(vectors * pairs, (i) => line.replaceAll("$", `${i}`));
    }
    if (!line.includes("#")) return [line];
    return times(
      pairs,
      (i) =>
        line.replaceAll("#0", `${2 * i}`).replaceAll("#1", `${2 * i + 1}`)
          .replaceAll("#", `${i}`),
    );
  });
}

/** How an operand is read; bytes become masks where the result is floats. */
function load(
  operand: string,
  kind: string | undefined,
  result: string,
): string[] {
  if (kind === "f") {
    return [`const ${operand}_$ = v128.load(${operand}, 16 * $);`];
  }
  if (result === "b") {
    return [`const ${operand}_$ = v128.load64_zero(${operand}, 8 * $);`];
  }
  const mask = (half: string) =>
    `i32x4.ne(i32x4.extend_${half}_i16x8_u(${operand}w_#), i32x4.splat(0))`;
  return [
    `const ${operand}w_# = v128.load8x8_u(${operand}, 8 * #);`,
    `const ${operand}_#0 = ${mask("low")};`,
    `const ${operand}_#1 = ${mask("high")};`,
  ];
}

/** How results are written; masks become bytes. */
function store(operands: string, result: string): string[] {
  if (result === "f") return ["v128.store(out, r_$, 16 * $);"];
  if (operands[0] === "b") return ["v128.store64_lane(out, r_$, 0, 8 * $);"];
  return [
    "const w_# = i16x8.narrow_i32x4_s(r_#0, r_#1);",
    "const b_# = v128.and(i8x16.narrow_i16x8_s(w_#, w_#), i8x16.splat(1));",
    "v128.store64_lane(out, b_#, 0, 8 * #);",
  ];
}

/** Functions that cost so little take two pairs at a time. */
const CHEAP = 8;

/** The loop of a function. */
function loopSource(name: FunctionName): string {
  const { operands, result, operations } = FUNCTIONS[name];
  const used = OPERANDS.slice(0, operands.length);
  const vectors = used.map((operand) => `${operand}_$`);
  const leftOut = LEFT_OUT[name];
  const { statements, constants, results } = trace(() => [
    COMPUTED[name](...vectors),
    ...(leftOut ? [or("left_$", leftOut(...vectors))] : []),
  ]);
  // Of bytes alone, eight elements are the half of one vector.
  const perPair = result === "b" && operands[0] === "b" ? 1 : 2;
  const step = (pairs: number) =>
    [
      ...forPairs(pairs, perPair, [
        ...used.flatMap((operand, i) => load(operand, operands[i], result)),
        ...statements,
        `const r_$ = ${results[0]};`,
        ...store(operands, result),
        ...(leftOut ? [`left_$ = ${results[1]};`] : []),
      ]),
      ...used.map((operand) => `${operand} += ${pairs} * ${operand}Step;`),
      `out += ${pairs * (result === "b" ? 8 : 32)};`,
    ].join("\n");
  const twoPairs = `const two: usize = ${result === "b" ? 16 : 64};
if (end - out >= two) do {
${step(2)}
} while (end - out >= two);`;
  return `function ${name}(PARAMETERS): bool {
const p = f32x4.splat(_p), q = f32x4.splat(_q);
${constants.join("\n")}
${leftOut ? "let left_0 = i32x4.splat(0), left_1 = i32x4.splat(0);" : ""}
${operations <= CHEAP ? twoPairs : ""}
if (out < end) do {
${step(1)}
} while (out < end);
return ${leftOut ? "v128.any_true(v128.or(left_0, left_1))" : "false"};
}`;
}
