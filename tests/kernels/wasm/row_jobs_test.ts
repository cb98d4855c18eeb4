/** The jobs of rows that no vector divides write all of their outputs, and nothing else. @module */
import { assert, assertEquals } from "@std/assert";
import { FUNCTIONS } from "../../../lib/tfjs/wasm/elementwise/functions.ts";
import { LION_MODULE } from "../../../lib/kernels/wasm/module.ts";
import type { Jobs } from "../../../lib/tfjs/wasm/job.ts";
import { REDUCTIONS } from "../../../lib/tfjs/wasm/jobs.ts";
import { MODULE } from "../../../lib/tfjs/wasm/module.ts";
import { array, uniform } from "../../random.ts";
import { arraysIn, host, runGuarded } from "./guarded_host.ts";

const JOBS: Jobs = { ...MODULE.jobs, ...LION_MODULE.jobs };

/** Sizes of arrays by name. */
type Sizes = Readonly<Record<string, number>>;

/** Runs a job on arrays that lie next to each other; what it has no array for is not there. */
function assertWrites(
  name: string,
  numbers: Sizes,
  inputs: Sizes,
  outputs: Sizes,
): void {
  const label = `${name} of ${JSON.stringify(numbers)}`;
  const { input, output } = arraysIn();
  const random = uniform(7);
  const made = Object.entries(outputs)
    .map(([key, size]) => [key, output(size)] as const);
  const given = Object.entries({ ...inputs, behind: 8 })
    .map(([key, size]) => [key, input(array(size, random))] as const);
  const before = given.map(([, x]) => x.slice());
  runGuarded(JOBS[name]!, {
    ...numbers,
    ...Object.fromEntries(
      [...made, ...given].map(([key, x]) => [key, x.byteOffset]),
    ),
  });
  for (const [key, x] of made) {
    assert(x.every(Number.isFinite), `${key} of ${label}`);
  }
  given.forEach(([, x], i) => assertEquals(x.slice(), before[i], label));
}

/** Registers a test of jobs on one thread and on several. */
function testJobs(jobs: string, run: () => void): void {
  Deno.test(`the ${jobs} write all of their outputs, and nothing else`, async () => {
    for (const threads of [1, 3]) {
      await host.useThreads(threads);
      run();
    }
    await host.useThreads(1);
  });
}

/** Rows of single numbers, of a vector and beside it, one and many. */
const ROWS = [1, 5, 8, 19].flatMap((columns) =>
  [1, 50].map((rows) => ({
    size: rows * columns,
    numbers: { rows, columns, rowsPerTask: 16, epsilon: 1e-5 },
  }))
);

testJobs("jobs of rmsNorm", () => {
  for (const { size, numbers } of ROWS) {
    for (const gate of [{}, { gate: size }]) {
      const inputs = { x: size, scale: numbers.columns, ...gate };
      assertWrites("rmsNorm", numbers, inputs, { y: size });
      assertWrites("rmsNorm", numbers, { ...inputs, dy: size }, {
        ...{ dx: size, dscale: numbers.columns },
        ..."gate" in gate ? { dgate: size } : {},
      });
    }
  }
});

testJobs("jobs of layerNorm", () => {
  for (const { size, numbers } of ROWS) {
    const { columns } = numbers;
    const run = (inputs: Sizes, outputs: Sizes) =>
      assertWrites(
        "layerNorm",
        numbers,
        { x: size, scale: columns, ...inputs },
        outputs,
      );
    run({ offset: columns }, { y: size });
    run({ offset: columns, added: size }, { y: size, sum: size });
    const gradients = { dscale: columns, doffset: columns, dx: size };
    run({ dy: size }, gradients);
    run({ dy: size, dsum: size }, gradients);
  }
});

testJobs("jobs of crossEntropy", () => {
  for (const classes of [1, 5, 8, 1031]) {
    for (const smoothing of [0, 0.1]) {
      const rows = 7, size = rows * classes, notCounted = -100;
      const numbers = { rows, classes, rowsPerTask: 3, notCounted };
      const run = (inputs: Sizes, outputs: Sizes) =>
        assertWrites(
          "crossEntropy",
          { ...numbers, share: 0.5, smoothing },
          { logits: size, labels: rows, ...inputs },
          outputs,
        );
      run({}, { loss: 1, maxima: rows, sums: rows });
      run({ dloss: 1, maxima: rows, sums: rows }, { dlogits: size });
    }
  }
});

testJobs("jobs of tokens", () => {
  const batch = 2;
  for (const length of [1, 7, 259]) {
    for (const heads of [1, 3]) {
      const size = batch * length * heads;
      for (const kept of [-1, 0, length - 1]) {
        const numbers = { batch, length, heads, kept };
        assertWrites("tokenDecay", numbers, { x: size }, { y: size });
        const given = { x: size, dy: size };
        assertWrites("tokenDecay", numbers, given, { dx: size });
      }
    }
    for (const columns of [1, 131]) {
      const numbers = { batch, length, columns }, y = batch * columns;
      const x = length * y;
      for (const mask of [{}, { mask: batch * length }]) {
        assertWrites("tokenMean", numbers, { x, ...mask }, { y });
        assertWrites("tokenMean", numbers, { dy: y, ...mask }, { dx: x });
      }
    }
  }
});

testJobs("jobs of both ends", () => {
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
    const split = (inputs: Sizes, outputs: Sizes) =>
      assertWrites(
        "splitDirections",
        { ...sizes, stateDim },
        { mixed, dt, ...inputs },
        outputs,
      );
    split({}, { x, q, k: q, v });
    split({ dx: x, dq: q, dk: q, dv: v }, { dmixed: mixed, ddt: dt });
    for (const segments of [{}, { segments: tokens }]) {
      const given = { read: v, x, own, ...segments };
      assertWrites("joinDirections", sizes, given, { y: x });
      assertWrites("joinDirections", sizes, { ...given, dy: x }, {
        ...{ dread: v, dx: x, down: own },
      });
    }
  }
});

testJobs("jobs of sweeps", () => {
  const cases = [
    { batch: 1, length: 1, heads: 1, valueDim: 1, headDim: 1, angles: 0 },
    { batch: 2, length: 67, heads: 3, valueDim: 5, headDim: 11, angles: 5 },
    { batch: 1, length: 300, heads: 2, valueDim: 16, headDim: 6, angles: 2 },
  ];
  for (const sizes of cases) {
    const { batch, length, heads, valueDim, headDim, angles } = sizes;
    const after = batch * heads * length, ofAngles = after * angles;
    const x = after * valueDim, b = after * headDim;
    for (const sweeps of [1, 2]) {
      const q = sweeps * b, v = sweeps * x;
      const before: Sizes = sweeps === 2 ? { before: after } : {};
      const dbefore: Sizes = sweeps === 2 ? { dbefore: after } : {};
      const phase: Sizes = angles ? { phase: ofAngles } : {};
      const dphase: Sizes = angles ? { dphase: ofAngles } : {};
      const turn = (inputs: Sizes, outputs: Sizes) => {
        const given = { x, b, c: b, after, ...before, ...phase, ...inputs };
        assertWrites("turnSweeps", sizes, given, outputs);
      };
      for (const segments of [{}, { segments: batch * length }]) {
        turn(segments, { q, k: q, v, products: after });
        turn({ ...segments, dq: q, dk: q, dv: v, dproducts: after }, {
          ...{ dx: x, db: b, dc: b, dafter: after, ...dbefore, ...dphase },
        });
      }
      const numbers = {
        ...{ sequences: batch * heads, length, columns: valueDim, sweeps },
      };
      const given = { read: v, x, own: after };
      assertWrites("joinSweeps", numbers, given, { y: x });
      assertWrites("joinSweeps", numbers, { ...given, dy: x }, {
        ...{ dread: v, dx: x, down: after },
      });
    }
  }
});

testJobs("elementwise jobs", () => {
  const names = Object.keys(FUNCTIONS);
  for (const columns of [1, 5, 8, 19, 4099]) {
    const x = columns, out = { out: columns };
    for (const name of ["logSigmoid", "atLeast", "square"]) {
      const numbers = {
        ...{ operation: names.indexOf(name), p: -1, outBytes: 4 },
        ...{ rows: 1, columns, rowsPerTask: 1, columnsPerTask: 1000 },
        ...{ xBytes: 4, x0: 1, yBytes: 4, y0: 1 },
      };
      assertWrites("elementwise", numbers, { x }, out);
      const operation = names.indexOf(`${name}Gradient`);
      if (operation < 0) continue;
      assertWrites("elementwise", { ...numbers, operation }, { x, y: x }, out);
    }
    for (const gradient of [{}, { dy: x }]) {
      assertWrites("gelu", { size: x }, { x, ...gradient }, { y: x });
    }
  }
  // A row of x, and a column of y.
  const [rows, columns] = [37, 21];
  const numbers = {
    ...{ operation: names.indexOf("add"), outBytes: 4 },
    ...{ rows, columns, rowsPerTask: 5, columnsPerTask: 9 },
    ...{ axes: 1, size1: rows, xBytes: 4, x0: 1, yBytes: 4, y1: 1 },
  };
  const operands = { x: columns, y: rows }, out = { out: rows * columns };
  assertWrites("elementwise", numbers, operands, out);
});

testJobs("jobs of splitHeads", () => {
  for (const headDim of [1, 5, 8, 19]) {
    for (const featureMap of [0, 1, 2, 3]) {
      const numbers = { batch: 2, length: 67, heads: 3, headDim, featureMap };
      const each = 2 * 67 * 3 * headDim, x = 3 * each;
      const heads = { q: each, k: each, v: each };
      assertWrites("splitHeads", numbers, { x }, heads);
      assertWrites("splitHeads", numbers, { x, ...heads }, { dx: x });
    }
  }
});

/** [repeats, outer, reduced, inner] of few elements and of parts, in rows and columns. */
const VIEWS = [
  ...[[1, 1, 1, 4], [1, 4, 3, 1], [1, 4, 19, 1], [1, 600, 5, 1]],
  ...[[1, 2, 19, 6], [1, 4, 300, 3], [1, 1, 7, 700], [1, 4, 20_000, 1]],
  ...[[1, 1, 30, 1100], [1, 2, 20_000, 2], [3, 4, 45, 1], [3, 2, 9, 10]],
] as const;

testJobs("jobs of reductions", () => {
  for (const [repeats, outer, reduced, inner] of VIEWS) {
    const results = outer * inner, size = repeats * reduced * results;
    REDUCTIONS.forEach((name, kind) => {
      const numbers = { kind, repeats, outer, reduced, inner };
      // Bools are bytes.
      const bytes = name === "All" || name === "Any" ? 1 : 4;
      // A place alone is of one axis.
      if (repeats > 1 && name.startsWith("Arg")) return;
      const y = results * bytes / 4;
      assertWrites("reduce", numbers, { x: size * bytes / 4 }, { y });
    });
    if (repeats > 1) continue;
    for (const product of [0, 1]) {
      for (const [exclusive, reverse] of [[0, 0], [0, 1], [1, 0], [1, 1]]) {
        const numbers = { product, exclusive: exclusive!, reverse: reverse! };
        const view = { ...numbers, outer, reduced, inner };
        assertWrites("cumulate", view, { x: size }, { y: size });
      }
    }
    const rows = { rows: outer, columns: reduced * inner };
    assertWrites("softmaxRows", rows, { x: size }, { y: size });
    assertWrites("softmaxRows", rows, { y: size, dy: size }, { dx: size });
  }
});
