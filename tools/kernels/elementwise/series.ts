/** The functions of both backends, as code for vectors. @module */
import { SERIES } from "../../../lib/tfjs/series.ts";
import { functionIn, type Instructions, valueOf } from "../wgsl_formulas.ts";
import {
  add,
  div,
  gt,
  madd,
  mul,
  neg,
  select,
  sqrt,
  sub,
  type Vector,
} from "./vector_code.ts";

const INSTRUCTIONS: Instructions<Vector> = {
  "+": add,
  "-": sub,
  "*": mul,
  "/": div,
  ">": gt,
  f32: (x) => x!,
  multiplyAdd: madd,
  negative: (x) => neg(`${x}`),
  select: (no, yes, mask) => select(yes!, no!, `${mask}`),
  sqrt,
};

type Series = Readonly<
  Record<keyof typeof SERIES, (...operands: Vector[]) => string>
>;

/** A function of vectors, given its text. */
function computing(text: string): (...operands: Vector[]) => Vector {
  const { parameters, statements } = functionIn(text);
  return (...operands) => {
    const vectors = new Map(parameters.map((name, i) => [name, operands[i]!]));
    for (const { name, expression } of statements) {
      const leaf = (leaf: Vector) =>
        typeof leaf === "number" ? leaf : vectors.get(leaf)!;
      vectors.set(name, valueOf(expression, leaf, INSTRUCTIONS));
    }
    return vectors.get("return")!;
  };
}

/** The functions, by their names. */
export const series: Series = Object.fromEntries(
  Object.entries(SERIES).map(([name, text]) => [name, computing(text)]),
) as unknown as Series;
