/**
 * Source of the WebAssembly kernels' rules of optimizers, made of what each does to a
 * vector of a weight, its gradient and what the rule keeps beside them.
 *
 * The rules of TensorFlow.js round where its operations do, but for products that are
 * added to: see its `optimizers/*_optimizer.ts`.
 *
 * @module
 */
import { type Rule, RULES } from "../../lib/tfjs/optimizers/rules.ts";
import { type Loop, ofFloats } from "./loops.ts";

/** The numbers that a rule may read, all of which are in the job's record. */
const NUMBERS = [
  "factor",
  "step",
  "decay1",
  "rest1",
  "decay2",
  "rest2",
  "correction",
  "epsilon",
  "keep",
];

const squared = "f32x4.mul(gradient, gradient)";

/** The mean of gradients, and of their squares, after this one. */
const average = "multiplyAdd(mean, decay1, f32x4.mul(gradient, rest1))";
const energy = `multiplyAdd(square, decay2, f32x4.mul(${squared}, rest2))`;

/** What each rule makes of the rows: values, and what is stored. */
const FORMULAS: Readonly<Record<Rule, Pick<Loop, "values" | "writes">>> = {
  adam: {
    values: {
      scaled: "f32x4.mul(gradient, factor)",
      average: average.replace("gradient", "scaled"),
      energy: energy.replaceAll("gradient", "scaled"),
      root: "multiplyAdd(f32x4.sqrt(energy), correction, epsilon)",
    },
    writes: {
      mean: "average",
      square: "energy",
      value:
        "multiplyAdd(f32x4.div(average, root), step, f32x4.mul(value, keep))",
    },
  },
  adamax: {
    values: {
      average,
      most: "f32x4.max(f32x4.mul(largest, decay2), f32x4.abs(gradient))",
    },
    writes: {
      mean: "average",
      largest: "most",
      value:
        "multiplyAdd(f32x4.div(average, f32x4.add(most, epsilon)), step, value)",
    },
  },
  sgd: { writes: { value: "multiplyAdd(gradient, step, value)" } },
  momentum: {
    values: { total: "multiplyAdd(sum, decay1, gradient)" },
    writes: { sum: "total", value: "multiplyAdd(total, step, value)" },
  },
  nesterov: {
    values: { total: "multiplyAdd(sum, decay1, gradient)" },
    writes: {
      sum: "total",
      value: "multiplyAdd(multiplyAdd(total, decay1, gradient), step, value)",
    },
  },
  rmsProp: {
    values: {
      energy,
      next:
        "multiplyAdd(moment, decay1, f32x4.div(f32x4.mul(gradient, step), f32x4.sqrt(f32x4.add(energy, epsilon))))",
    },
    writes: {
      square: "energy",
      moment: "next",
      value: "f32x4.sub(value, next)",
    },
  },
  // The difference of almost equal numbers: in another rounding it would be below 0,
  // and its root NaN, at another step than TensorFlow.js's.
  centeredRmsProp: {
    values: {
      average: "f32x4.add(f32x4.mul(mean, decay2), f32x4.mul(gradient, rest2))",
      energy:
        `f32x4.add(f32x4.mul(square, decay2), f32x4.mul(${squared}, rest2))`,
      variance:
        "f32x4.sub(energy, f32x4.add(f32x4.mul(average, average), epsilon))",
      next:
        "multiplyAdd(moment, decay1, f32x4.div(f32x4.mul(gradient, step), f32x4.sqrt(variance)))",
    },
    writes: {
      square: "energy",
      moment: "next",
      mean: "average",
      value: "f32x4.sub(value, next)",
    },
  },
  adagrad: {
    values: { energy: "multiplyAdd(gradient, gradient, square)" },
    writes: {
      square: "energy",
      value:
        "multiplyAdd(f32x4.div(gradient, f32x4.sqrt(f32x4.add(energy, epsilon))), step, value)",
    },
  },
  adadelta: {
    values: {
      move:
        "f32x4.mul(f32x4.div(f32x4.sqrt(f32x4.add(change, epsilon)), f32x4.sqrt(f32x4.add(square, epsilon))), gradient)",
      energy: `multiplyAdd(square, decay1, f32x4.mul(${squared}, rest1))`,
    },
    writes: {
      square: "energy",
      change:
        "multiplyAdd(change, decay1, f32x4.mul(f32x4.mul(move, move), rest1))",
      value: "multiplyAdd(move, step, value)",
    },
  },
  average: {
    writes: {
      value: "f32x4.add(f32x4.mul(value, decay1), f32x4.mul(gradient, rest1))",
    },
  },
};

/** The text of math/rules.ts, whose `apply` is the rule of the job. */
export function rulesSource(): string {
  const rules = Object.keys(RULES) as Rule[];
  const loops = rules.map((rule) => {
    const { values = {}, writes = {} } = FORMULAS[rule];
    const text = Object.values({ ...values, ...writes }).join();
    const numbers = NUMBERS.filter((name) =>
      RegExp(`\\b${name}\\b`).test(text)
    );
    const rows = ["value", "gradient", ...RULES[rule]];
    const parameters = [...numbers.map((name) => `${name}: f32`), ...rows];
    return {
      text: ofFloats({
        doc: `The rule ${rule}.`,
        head: `${rule}(${parameters.join(", ")})`,
        ...{ values, writes },
      }),
      call: `${rule}(${
        ["count", ...numbers.map((name) => `job.${name}`), "value", "gradient"]
          .concat(RULES[rule].map((_, i) => `state${i}`))
          .join(", ")
      })`,
    };
  });
  return `import { update as job } from "../jobs";
import { loadFirst, multiplyAdd, storeFirst } from "./simd";
${loops.map(({ text }) => text).join("\n")}
/** Applies the rule of the job to so many numbers. */
export function apply(count: i32, value: usize, gradient: usize, state0: usize, state1: usize, state2: usize): void {
switch (job.rule) {
${loops.map(({ call }, i) => `case ${i}: return ${call};`).join("\n")}
}
}`;
}
