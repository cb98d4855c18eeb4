/** Source of the WebAssembly kernels' rules of optimizers. @module */
import { FORMULAS } from "../../lib/tfjs/optimizers/formulas.ts";
import { type Rule, RULES } from "../../lib/tfjs/optimizers/rules.ts";
import { type Loop, ofFloats } from "./loops.ts";
import { INSTRUCTIONS } from "./vector_text.ts";
import { statementsOf, valueOf } from "./wgsl_formulas.ts";

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

/** What a rule makes of the rows: values, and what is stored in the end. */
function loopOf(rule: Rule): Required<Pick<Loop, "values" | "writes">> {
  // An average takes no factor, and a product of 1 would cost it a fifteenth of its time.
  const gradient = rule === "average" ? "gradient" : "scaled";
  const values: Record<string, string> = rule === "average"
    ? {}
    : { scaled: "f32x4.mul(gradient, factor)" };
  const writes: Record<string, string> = {};
  const leaf = (name: number | string) => {
    if (name in writes) throw new Error(`${rule} reads ${name} after a change`);
    return name === "gradient" ? gradient : `${name}`;
  };
  for (const { name, isNew, expression } of statementsOf(FORMULAS[rule])) {
    const target = isNew ? values : writes;
    target[name] = valueOf(expression, leaf, INSTRUCTIONS);
  }
  return { values, writes };
}

/** The text of math/rules.ts, whose `apply` is the rule of the job. */
export function rulesSource(): string {
  const rules = Object.keys(RULES) as Rule[];
  const loops = rules.map((rule) => {
    const { values, writes } = loopOf(rule);
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
