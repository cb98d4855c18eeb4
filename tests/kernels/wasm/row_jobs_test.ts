/** The jobs of rows that no vector divides write all of their outputs, and nothing else. @module */
import { assert, assertEquals } from "@std/assert";
import type { Job, JobName } from "../../../lib/tfjs/wasm/host.ts";
import { array, uniform } from "../../random.ts";
import { arraysIn, host, runGuarded } from "./guarded_host.ts";

/** Sizes of arrays by name. */
type Sizes = Readonly<Record<string, number>>;

/** Runs a job on arrays that lie next to each other; what it has no array for is not there. */
function assertWrites<N extends JobName>(
  name: N,
  numbers: Sizes,
  inputs: Sizes,
  outputs: Sizes,
  absent: readonly string[],
): void {
  const label = `${name} of ${JSON.stringify(numbers)}`;
  const { input, output } = arraysIn();
  const random = uniform(7);
  const made = Object.entries(outputs)
    .map(([key, size]) => [key, output(size)] as const);
  const given = Object.entries({ ...inputs, behind: 8 })
    .map(([key, size]) => [key, input(array(size, random))] as const);
  const before = given.map(([, x]) => x.slice());
  runGuarded(name, {
    ...numbers,
    ...Object.fromEntries(absent.map((key) => [key, 0])),
    ...Object.fromEntries(
      [...made, ...given].map(([key, x]) => [key, x.byteOffset]),
    ),
  } as unknown as Job<N>);
  for (const [key, x] of made) {
    assert(x.every(Number.isFinite), `${key} of ${label}`);
  }
  given.forEach(([, x], i) => assertEquals(x.slice(), before[i], label));
}

/** Runs checks on one thread and on several. */
async function onThreads(run: () => void): Promise<void> {
  for (const threads of [1, 3]) {
    await host.useThreads(threads);
    run();
  }
  await host.useThreads(1);
}

Deno.test("the jobs of rmsNorm write all of their outputs, and nothing else", () =>
  onThreads(() => {
    for (const columns of [1, 5, 8, 19]) {
      for (const rows of [1, 50]) {
        const size = rows * columns;
        const numbers = { rows, columns, rowsPerTask: 16, epsilon: 1e-5 };
        for (const gate of [{}, { gate: size }]) {
          const absent = ["gate", "y", "dy", "dx", "dscale", "dgate"];
          const inputs = { x: size, scale: columns, ...gate };
          assertWrites("rmsNorm", numbers, inputs, { y: size }, absent);
          const slopes = "gate" in gate ? { dgate: size } : {};
          assertWrites(
            "rmsNorm",
            numbers,
            { ...inputs, dy: size },
            { dx: size, dscale: columns, ...slopes },
            absent,
          );
        }
      }
    }
  }));

Deno.test("the jobs of both ends write all of their outputs, and nothing else", () =>
  onThreads(() => {
    const cases = [
      { batch: 1, length: 1, heads: 1, headDim: 1, stateDim: 1 },
      { batch: 2, length: 67, heads: 3, headDim: 5, stateDim: 11 },
      { batch: 1, length: 70, heads: 2, headDim: 16, stateDim: 6 },
    ];
    for (const { stateDim, ...sizes } of cases) {
      const { batch, length, heads, headDim } = sizes;
      const tokens = batch * length, channels = heads * headDim;
      const x = tokens * channels, q = 2 * tokens * stateDim, v = 2 * x;
      const mixed = tokens * (channels + 4 * stateDim);
      const dt = 2 * tokens * heads, own = tokens * heads;
      const ofSplit = ["x", "q", "k", "v", "dx", "dq", "dk", "dv"];
      const split = (inputs: Sizes, outputs: Sizes) =>
        assertWrites(
          "splitDirections",
          { ...sizes, stateDim },
          { mixed, dt, ...inputs },
          outputs,
          [...ofSplit, "dmixed", "ddt"],
        );
      split({}, { x, q, k: q, v });
      split({ dx: x, dq: q, dk: q, dv: v }, { dmixed: mixed, ddt: dt });
      for (const segments of [{}, { segments: tokens }]) {
        const join = (inputs: Sizes, outputs: Sizes) =>
          assertWrites(
            "joinDirections",
            sizes,
            { read: v, x, own, ...segments, ...inputs },
            outputs,
            ["segments", "y", "dy", "dread", "dx", "down"],
          );
        join({}, { y: x });
        join({ dy: x }, { dread: v, dx: x, down: own });
      }
    }
  }));

Deno.test("the elementwise jobs write all of their outputs, and nothing else", () =>
  onThreads(() => {
    for (const size of [1, 5, 8, 19, 4099]) {
      for (const name of ["gelu", "logSigmoid", "finiteDecay"] as const) {
        const numbers = name === "finiteDecay"
          ? { size, lowest: -1 }
          : { size };
        assertWrites(name, numbers, { x: size }, { y: size }, ["dy"]);
        assertWrites(name, numbers, { x: size, dy: size }, { y: size }, []);
      }
    }
  }));

Deno.test("the jobs of splitHeads write all of their outputs, and nothing else", () =>
  onThreads(() => {
    for (const headDim of [1, 5, 8, 19]) {
      for (const featureMap of [0, 1, 2, 3]) {
        const numbers = { batch: 2, length: 67, heads: 3, headDim, featureMap };
        const each = 2 * 67 * 3 * headDim, x = 3 * each;
        const heads = { q: each, k: each, v: each };
        assertWrites("splitHeads", numbers, { x }, heads, ["dx"]);
        assertWrites("splitHeads", numbers, { x, ...heads }, { dx: x }, []);
      }
    }
  }));
