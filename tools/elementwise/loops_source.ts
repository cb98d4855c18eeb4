/**
 * Source of the WebAssembly kernels' loops over elements: one for each function, over
 * eight elements at a time, which are a pair of vectors.
 *
 * @module
 */
import {
  type FunctionName,
  FUNCTIONS,
  type Signature,
} from "../../lib/tfjs/wasm/elementwise/functions.ts";
import { expandPairs } from "../kernel_pairs.ts";
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
  const list = `${PARAMETERS.map((name) => `${name}: usize`)}, _p: f32, _q: f32`;
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

/** How eight elements of an operand are read: as two vectors, or bytes that become masks. */
function load(operand: string, kind: string, result: string): string {
  if (kind === "f") return `const ${operand}_$ = v128.load(${operand}, 16 * $);`;
  if (result === "b") return `const ${operand}_0 = v128.load64_zero(${operand});`;
  return `const ${operand}_w = v128.load8x8_u(${operand});
const ${operand}_0 = i32x4.ne(i32x4.extend_low_i16x8_u(${operand}_w), i32x4.splat(0));
const ${operand}_1 = i32x4.ne(i32x4.extend_high_i16x8_u(${operand}_w), i32x4.splat(0));`;
}

/** How eight results are written. */
function store(operands: string, result: string): string {
  if (result === "f") return "v128.store(out, r_$, 16 * $);";
  if (operands[0] === "b") return "v128.store64_lane(out, r_0, 0);";
  return `const w_0 = i16x8.narrow_i32x4_s(r_0, r_1);
v128.store64_lane(out, v128.and(i8x16.narrow_i16x8_s(w_0, w_0), i8x16.splat(1)), 0);`;
}

/** The loop of a function. */
function loopSource(name: FunctionName): string {
  const { operands, result }: Signature = FUNCTIONS[name];
  const used = OPERANDS.slice(0, operands.length);
  const vectors = used.map((operand) => `${operand}_$`);
  const leftOut = LEFT_OUT[name];
  const { statements, constants, results } = trace(() => [
    COMPUTED[name](...vectors),
    ...(leftOut ? [or("left_$", leftOut(...vectors))] : []),
  ]);
  const text = expandPairs(`{
${used.map((operand, i) => load(operand, operands[i]!, result)).join("\n")}
${statements.join("\n")}
const r_$ = ${results[0]};
${store(operands, result)}
${leftOut ? `left_$ = ${results[1]};` : ""}
}`);
  const isByte = result === "b" && operands[0] === "b";
  // Of bytes, eight elements are the half of one vector.
  const body = isByte
    ? text.split("\n").filter((line) => !/const \w+_1 =/.test(line)).join("\n")
    : text;
  return `function ${name}(PARAMETERS): bool {
const p = f32x4.splat(_p), q = f32x4.splat(_q);
${constants.join("\n")}
${leftOut ? "let left_0 = i32x4.splat(0), left_1 = i32x4.splat(0);" : ""}
do ${body.slice(0, -1)}
${used.map((operand) => `${operand} += ${operand}Step;`).join("\n")}
out += ${result === "b" ? 8 : 32};
} while (out < end);
return ${leftOut ? "v128.any_true(v128.or(left_0, left_1))" : "false"};
}`;
}
