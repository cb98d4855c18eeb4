/** What is left out on software WebGPU is computed by the rest, and little matters less. @module */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { DECAYS } from "./subjects/lion.ts";
import { onEachBackend } from "./backends.ts";
import { partition, sampleForms } from "./sample.ts";
import { headSizes } from "./subjects/draw.ts";

/** A matrix such as those of the forms: the last axis changes first. */
const MATRIX = [1, 6].flatMap((sequences) =>
  DECAYS.flatMap((decay) =>
    [false, true].flatMap((causal) =>
      [false, true].flatMap((normalize) =>
        [false, true].map((padded) => ({
          sequences,
          decay,
          causal,
          normalize,
          padded,
        }))
      )
    )
  )
);

Deno.test("a sample and its rest are the whole matrix, each case once", () => {
  const { sample, rest, all } = partition(MATRIX);
  assertEquals(all, MATRIX);
  assertEquals(new Set([...sample, ...rest]), new Set(MATRIX));
  assertEquals(sample.length + rest.length, MATRIX.length);
  assert(sample.length < MATRIX.length / 13);
});

Deno.test("a sample meets all values of all axes, and no options twice", () => {
  const { sample } = partition(MATRIX);
  for (const axis of Object.keys(MATRIX[0]!) as (keyof typeof MATRIX[0])[]) {
    const values = (cases: typeof MATRIX) =>
      new Set(cases.map((one) => one[axis]));
    assertEquals(values(sample), values(MATRIX), axis);
  }
  const options = sample.map(({ causal, normalize, padded }) =>
    `${causal} ${normalize} ${padded}`
  );
  assertEquals(new Set(options).size, sample.length);
});

Deno.test("a sample of one in 47 still meets all values of all axes", () => {
  const whole = [0, 1, 2, 3].flatMap((length) =>
    MATRIX.map((one) => ({ ...one, length }))
  );
  const { sample, rest } = partition(whole, undefined, 47);
  assertEquals(sample.length + rest.length, whole.length);
  for (const axis of Object.keys(whole[0]!) as (keyof typeof whole[0])[]) {
    const values = (cases: typeof whole) =>
      new Set(cases.map((one) => one[axis]));
    assertEquals(values(sample), values(whole), axis);
  }
});

Deno.test("the first case, the last and the edges are always sampled", () => {
  const numbers = Array.from({ length: 20 }, (_, i) => i);
  const { sample, rest } = partition(numbers, (i) => i === 3);
  assertEquals(sample, [0, 3, 17, 19]);
  assert(!rest.includes(3));
  assertEquals(partition([]), { sample: [], rest: [], all: [] });
  assertEquals(partition([5]).rest, []);
});

Deno.test("heads that are made up are of few sizes on WebGPU, and of any elsewhere", () => {
  const most = { headDim: 7, valueDim: 6, chunkSize: 9 };
  const drawn = (backend: "webgpu" | "wasm") =>
    fc.sample(headSizes(backend, most), { numRuns: 200, seed: 1 });
  assertEquals(new Set(drawn("webgpu").map((one) => one.headDim)).size, 3);
  const sizes = drawn("wasm");
  for (const [name, size] of Object.entries(most)) {
    const met = new Set(sizes.map((one) => one[name as keyof typeof one]));
    assertEquals([met.size, Math.min(...met)], [size, 1], name);
  }
});

onEachBackend(
  "operations of TensorFlow.js are whole where kernels are, and a sample elsewhere",
  (backend) => {
    // The other parts have other cases.
    if (Deno.env.get("LION_TESTS") !== undefined) return;
    const cases = Array.from({ length: 200 }, (_, i) => i);
    const chosen = sampleForms(backend, cases, (i) => i % 2 === 0);
    if (backend === "wasm") assertEquals(new Set(chosen), new Set(cases));
    if (backend === "cpu") {
      assertEquals(chosen, [0, 47, 94, 141, 188, 199]);
    }
  },
  { sampled: true },
);
