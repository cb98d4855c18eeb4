/**
 * The tables of replaced kernels say for which types of numbers a kernel of
 * TensorFlow.js's does not compute any more.
 *
 * @module
 */
import { stockCalls } from "./stock_calls.ts";
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { REPLACED_KERNELS } from "../../lib/tfjs/replaced.ts";
import {
  ALL,
  type NumberType,
  type Replacement,
} from "../../lib/tfjs/replaced/replacement.ts";
import { BACKENDS, onEachBackend } from "../backends.ts";
import { sample } from "../sample.ts";
import {
  DATA_LEFT_BY,
  type KernelCall,
  kernelCalls,
  run,
  tensorsOf,
} from "./kernel_calls.ts";

/** Calls of a kernel with one type that are tried, at most. */
const CALLS_OF_TYPE = { cpu: 24, wasm: 24, webgpu: 3 };

/** Kernels of which ours compute some shapes alone, which are larger than those tried. */
const SELDOM: Readonly<Record<string, readonly string[]>> = {
  webgpu: ["BatchMatMul", "Sum", "_FusedMatMul"],
};

/** Inputs whose type does not say what a kernel computes with. */
const INDICES = ["indices", "segmentIds", "sparseIndices", "condition"];

/** The type of the numbers that a call computes with. */
function typeOf({ inputs, attributes }: KernelCall): string | undefined {
  const given = inputs.flatMap(([name, x]) => x ? [[name, x] as const] : []);
  const [, x] = given.find(([name]) => !INDICES.includes(name)) ?? given[0] ??
    [];
  return x?.dtype ?? attributes?.["dtype"] as string;
}

/** What a list of the tables says of a kernel. */
function typesOf(
  rows: readonly Replacement<never>[],
  kernel: string,
  lists: readonly ("ours" | "cpu" | "refused")[],
): Set<NumberType> {
  return new Set(
    rows.filter(({ kernels }) => kernels.includes(kernel))
      .flatMap((row) => lists.flatMap((list) => row[list] ?? [])),
  );
}

onEachBackend(
  "TensorFlow.js's kernels get the types that the tables say, and no others",
  async (backend) => {
    const { calls } = await kernelCalls(backend);
    const rows = REPLACED_KERNELS[backend];
    const kernels = new Set(rows.flatMap(({ kernels }) => kernels));
    const cases = [...kernels].flatMap((kernel) =>
      ALL.map((type) => ({ kernel, type }))
    );
    const wrong: string[] = [];
    for (const { kernel, type } of sample(backend, cases)) {
      const ofType = (calls.get(kernel) ?? []).filter((call) =>
        typeOf(call) === type &&
        call.inputs.every(([, x]) => x?.values.length !== 0)
      );
      let ran = 0, reached = 0;
      for (const call of ofType.slice(0, CALLS_OF_TYPE[backend])) {
        const before = stockCalls(backend, kernel);
        try {
          tf.tidy(() => void run(call, tensorsOf(call)));
          ran++;
        } catch {
          continue; // A backend need not take all types.
        }
        if (stockCalls(backend, kernel) > before) reached++;
      }
      const isOurs = typesOf(rows, kernel, ["ours", "cpu"]).has(type);
      const isRefused = typesOf(rows, kernel, ["refused"]).has(type);
      const label = `${kernel} of ${type}: ${ran} ran, ${reached} reached`;
      const isSeldom = SELDOM[backend]?.includes(kernel);
      if (isRefused) {
        if (ran > 0) wrong.push(`${label}, and should be refused`);
      } else if (
        isOurs ? ran > 0 && reached === ran && !isSeldom : reached < ran
      ) {
        wrong.push(`${label} TensorFlow.js's kernel`);
      }
    }
    assertEquals(wrong, []);
  },
  BACKENDS,
  DATA_LEFT_BY,
);
