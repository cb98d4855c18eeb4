/** Formulas of both backends as AssemblyScript of vectors. @module */
import { SERIES } from "../../lib/tfjs/series.ts";
import { functionIn, type Instructions, valueOf } from "./wgsl_formulas.ts";

const instruction = (name: string) => (...operands: string[]) =>
  `${name}(${operands.join(", ")})`;

/** The text of each instruction. */
export const INSTRUCTIONS: Instructions<string> = {
  "+": instruction("f32x4.add"),
  "-": instruction("f32x4.sub"),
  "*": instruction("f32x4.mul"),
  "/": instruction("f32x4.div"),
  abs: instruction("f32x4.abs"),
  f32: (x) => x!,
  max: instruction("f32x4.max"),
  sqrt: instruction("f32x4.sqrt"),
  multiplyAdd: instruction("multiplyAdd"),
};

/** The text of math/series.ts, the functions that the sources of other kernels call. */
export function seriesSource(): string {
  const { name, parameters, statements } = functionIn(SERIES.log_of_one_plus);
  const leaf = (leaf: number | string) =>
    typeof leaf === "number" ? `f32x4.splat(${leaf})` : leaf;
  const lines = statements.map(({ name, expression }) => {
    const value = valueOf(expression, leaf, INSTRUCTIONS);
    return name === "return" ? `return ${value};` : `const ${name} = ${value};`;
  });
  return `import { multiplyAdd } from "./simd";
// @ts-ignore: decorator
@inline
export function ${name}(${parameters.map((name) => `${name}: v128`)}): v128 {
${lines.join("\n")}
}`;
}
