/**
 * Source of the WebAssembly kernels' loops over elements: one for each function, over
 * eight elements at a time, which are a pair of vectors.
 *
 * @module
 */
import {
  type FunctionName,
  FUNCTIONS,
} from "../../../lib/tfjs/wasm/elementwise/functions.ts";
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
 * Statements for a pair of vectors, or for one. A line with a `$`, the number of a
 * vector, stands for one of each.
 */
function forVectors(count: number, lines: readonly string[]): string[] {
  return lines.flatMap((line) =>
    line.includes("$")
      ? Array.from({ length: count }, (_, i) => line.replaceAll("$", `${i}`))
      : [line]
  );
}

/** How an operand is read; bytes become masks where the result is floats, else 0 or 1. */
function load(
  operand: string,
  kind: string | undefined,
  result: string,
): string[] {
  if (kind === "f") {
    return [`const ${operand}_$ = v128.load(${operand}, 16 * $);`];
  }
  if (result === "b") {
    const bytes = `v128.load64_zero(${operand}, 8 * $)`;
    return [`const ${operand}_$ = i8x16.min_u(${bytes}, i8x16.splat(1));`];
  }
  const mask = (half: string) =>
    `i32x4.ne(i32x4.extend_${half}_i16x8_u(${operand}w), i32x4.splat(0))`;
  return [
    `const ${operand}w = v128.load8x8_u(${operand}, 0);`,
    `const ${operand}_0 = ${mask("low")};`,
    `const ${operand}_1 = ${mask("high")};`,
  ];
}

/** How results are written; masks become bytes. */
function store(operands: string, result: string): string[] {
  if (result === "f") return ["v128.store(out, r_$, 16 * $);"];
  if (operands[0] === "b") return ["v128.store64_lane(out, r_$, 0, 8 * $);"];
  return [
    "const w = i16x8.narrow_i32x4_s(r_0, r_1);",
    "const b = v128.and(i8x16.narrow_i16x8_s(w, w), i8x16.splat(1));",
    "v128.store64_lane(out, b, 0, 0);",
  ];
}

/** The loop of a function. */
function loopSource(name: FunctionName): string {
  const { operands, result } = FUNCTIONS[name];
  const used = OPERANDS.slice(0, operands.length);
  const vectors = used.map((operand) => `${operand}_$`);
  const leftOut = LEFT_OUT[name];
  const { statements, constants, results } = trace(() => [
    COMPUTED[name](...vectors),
    ...(leftOut ? [or("left_$", leftOut(...vectors))] : []),
  ]);
  // Of bytes alone, eight elements are the half of one vector.
  const perPair = result === "b" && operands[0] === "b" ? 1 : 2;
  const step = [
    ...forVectors(perPair, [
      ...used.flatMap((operand, i) => load(operand, operands[i], result)),
      ...statements,
      `const r_$ = ${results[0]};`,
      ...store(operands, result),
      ...(leftOut ? [`left_$ = ${results[1]};`] : []),
    ]),
    ...used.map((operand) => `${operand} += ${operand}Step;`),
    `out += ${result === "b" ? 8 : 32};`,
  ];
  return `function ${name}(PARAMETERS): bool {
const p = f32x4.splat(_p), q = f32x4.splat(_q);
${constants.join("\n")}
${leftOut ? "let left_0 = i32x4.splat(0), left_1 = i32x4.splat(0);" : ""}
if (out < end) do {
${step.join("\n")}
} while (out < end);
return ${leftOut ? "v128.any_true(v128.or(left_0, left_1))" : "false"};
}`;
}
