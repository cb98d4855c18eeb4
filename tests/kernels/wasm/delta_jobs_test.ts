/** The delta rule as jobs of the module, against the oracle. @module */
import { assertEquals } from "@std/assert";
import {
  type DeltaCase,
  describe,
  problemOf,
} from "../../attention/delta_cases.ts";
import { TOLERANCE } from "../../backends.ts";
import { differences, type Result } from "../../comparison.ts";
import { type DeltaProblem, solveDelta } from "../../delta_oracle.ts";
import { arraysIn, host, runGuarded } from "./guarded_host.ts";

/** Solves a problem with both jobs. */
function run(problem: DeltaProblem, chunkSize: number): Result {
  const { batch, heads, length, headDim, valueDim, causal } = problem;
  const { forward, backward } = problem.gates;
  const { input, output } = arraysIn();
  const tokens = batch * heads * length;
  const q = input(problem.q), k = input(problem.k), v = input(problem.v);
  const beta = input(problem.beta), dy = input(problem.dy);
  const finite = (x: Float32Array) => input(x.map((x) => Math.max(x, -1e4)));
  const f = forward && finite(forward);
  const b = backward && !causal ? finite(backward) : undefined;
  const y = output(tokens * valueDim);
  const dq = output(q.length), dk = output(k.length), dv = output(v.length);
  const dbeta = output(tokens);
  const df = f && output(f.length), db = b && output(b.length);
  const job = {
    sequences: batch * heads,
    length,
    headDim,
    valueDim,
    chunkSize,
    causal: Number(causal),
    diagonal: Number(problem.isDiagonal ?? false),
    scale: problem.scale,
    ...{ q: q.byteOffset, k: k.byteOffset, v: v.byteOffset },
    ...{ beta: beta.byteOffset, f: f?.byteOffset ?? 0 },
    ...{ b: b?.byteOffset ?? 0, y: y.byteOffset, dy: 0, dq: 0, dk: 0, dv: 0 },
    ...{ dbeta: 0, df: 0, db: 0 },
  };
  runGuarded("delta", job);
  runGuarded("delta", {
    ...job,
    ...{ dy: dy.byteOffset, dq: dq.byteOffset, dk: dk.byteOffset },
    ...{ dv: dv.byteOffset, dbeta: dbeta.byteOffset },
    ...{ df: df?.byteOffset ?? 0, db: db?.byteOffset ?? 0 },
  });
  const columns = problem.isDiagonal ? headDim : 1;
  for (let first = 0; first < tokens; first += length) {
    // Nothing comes before the first token, or after the last.
    for (let n = 0; n < columns; n++) {
      if (df) assertEquals(Math.abs(df[first * columns + n]!), 0);
      const last = (first + length - 1) * columns + n;
      if (db) assertEquals(Math.abs(db[last]!), 0);
    }
  }
  const zeros = new Float32Array(forward?.length ?? 0);
  return {
    y: y.slice(),
    gradients: {
      ...{ q: dq.slice(), k: dk.slice(), v: dv.slice(), beta: dbeta.slice() },
      ...df ? { forward: df.slice() } : {},
      ...backward ? { backward: db?.slice() ?? zeros } : {},
    },
  };
}

const CASES: DeltaCase[] = [
  { batch: 1, heads: 1, length: 1 },
  { batch: 2, heads: 3, length: 7 },
  { batch: 1, heads: 2, length: 67, headDim: 7, valueDim: 4 },
  { batch: 1, heads: 1, length: 40, headDim: 4, valueDim: 19 },
].flatMap((sizes) =>
  (["none", "two-sided", "two-sided diagonal"] as const).flatMap((gate) =>
    [false, true].map((causal) => ({
      ...{ ...sizes, gate, causal, padded: false, packed: false },
    }))
  )
);

Deno.test("the delta job equals the oracle on 1, 2 and 4 threads", async () => {
  const solved = CASES.map((c) => {
    const problem = problemOf(c);
    return { c, problem, expected: solveDelta(problem) };
  });
  const failures: string[] = [];
  for (const threads of [1, 2, 4]) {
    await host.useThreads(threads);
    for (const { c, problem, expected } of solved) {
      for (const chunkSize of [1, 5, 24, 64]) {
        const actual = run(problem, Math.min(chunkSize, c.length));
        const label = `${describe(c)} C=${chunkSize} threads=${threads}`;
        failures.push(
          ...differences(problem, actual, expected, TOLERANCE.wasm)
            .map((line) => `${label}: ${line}`),
        );
      }
    }
  }
  await host.useThreads(1);
  assertEquals(failures, []);
});
