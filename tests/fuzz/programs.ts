/** Programs that change or mistake something: recorded steps of changed models, and wrong arguments. @module */
import { assertEquals } from "@std/assert";
import { GOOD_CALLS } from "../entries/good_calls/good_calls.ts";
import {
  endOf,
  problemOf,
  type Replacement,
  replacementsIn,
} from "../entries/good_calls/replaced_values.ts";
import {
  type RecordCase,
  recordCaseOf,
  runRecordCase,
} from "../training/record_mutations.ts";
import { seeds } from "../subjects/draw.ts";
import type { Target } from "./target.ts";

/** Trainings in which a property changes, with recorded steps and without. */
export const recordings: Target<RecordCase> = {
  name: "recordings",
  kind: "programs",
  cases: () => seeds.map(recordCaseOf),
  async run(one) {
    await runRecordCase(one);
    return {};
  },
};

/** Right calls with one value replaced. */
let replacements: readonly Replacement[] = [];
const ends = new Map<Replacement["call"], string>();

/** Right calls with a value replaced by one that is none. */
export const values: Target<number> = {
  name: "values",
  kind: "programs",
  // On software WebGPU most of a call's time is the compiler's.
  backends: ["wasm", "cpu"],
  cases: () => seeds,
  prepare() {
    replacements = Object.entries(GOOD_CALLS)
      .flatMap(([entry, calls]) => [...replacementsIn(entry, calls)]);
    return Promise.resolve();
  },
  async run(seed) {
    const { call, path, junk, name } = replacements[
      seed % replacements.length
    ]!;
    if (!ends.has(call)) ends.set(call, await endOf(call));
    const problem = await problemOf(call, path, junk, ends.get(call));
    assertEquals(problem, undefined, `${name}: ${path.join(".")} is ${junk}`);
    return {};
  },
};
