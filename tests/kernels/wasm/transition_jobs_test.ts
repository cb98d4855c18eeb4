/** Transitions as a job of the module, against the oracle. @module */
import { assertEquals } from "@std/assert";
import { LION_JOBS } from "../../../lib/kernels/wasm/jobs.ts";
import type { JobRecord } from "../../../lib/tfjs/wasm/job.ts";
import type { Result } from "../../comparison.ts";
import {
  DELTA,
  type DeltaCase,
  type DeltaProblem,
} from "../../subjects/delta.ts";
import { differences, solved, valuesOf } from "../../subjects/subject.ts";
import {
  READS,
  TRANSITION,
  type TransitionCase,
  type TransitionProblem,
} from "../../subjects/transition.ts";
import { arraysIn, host, runGuarded } from "./guarded_host.ts";

const NO_STATES = { before: 0, forward: 0, dforward: 0, dbefore: 0 };
const NO_GRADIENTS = {
  ...{ dy: 0, dq: 0, dk: 0, dv: 0, da: 0, db: 0, dbeta: 0, df: 0, dg: 0 },
};

/** Solves a problem with both jobs, the forward one in parts of the values. */
function run(
  problem: DeltaProblem,
  chunkSize: number,
  parts: number,
): Result {
  const { batch, heads, length, headDim, valueDim, causal } = problem;
  const { forward, backward } = problem.gates;
  const { input, output } = arraysIn();
  const tokens = batch * heads * length;
  const q = input(problem.q), k = input(problem.k), v = input(problem.v);
  const beta = input(problem.beta), dy = input(problem.dy);
  const finite = (x: Float32Array) => input(x.map((x) => Math.max(x, -1e4)));
  const f = forward && finite(forward);
  const g = backward && !causal ? finite(backward) : undefined;
  const y = output(tokens * valueDim);
  const dq = output(q.length), dk = output(k.length), dv = output(v.length);
  const dbeta = output(tokens);
  const df = f && output(f.length), dg = g && output(g.length);
  const job = {
    sequences: batch * heads,
    length,
    headDim,
    valueDim,
    chunkSize,
    steps: 1,
    causal: Number(causal),
    diagonal: Number(problem.isDiagonal ?? false),
    parts: 1,
    whole: 0,
    scale: problem.scale,
    ...{ q: q.byteOffset, k: k.byteOffset, v: v.byteOffset },
    ...{ a: 0, b: 0, beta: beta.byteOffset, f: f?.byteOffset ?? 0 },
    ...{ g: g?.byteOffset ?? 0, y: y.byteOffset },
    ...NO_STATES,
    ...NO_GRADIENTS,
  };
  // Of whole vectors each.
  const most = Math.ceil(valueDim / 4);
  runGuarded(LION_JOBS.transition, { ...job, parts: Math.min(parts, most) });
  const [meeting, whole] = [0, 1].map((whole) => {
    runGuarded(LION_JOBS.transition, {
      ...job,
      whole,
      ...{ dy: dy.byteOffset, dq: dq.byteOffset, dk: dk.byteOffset },
      ...{ dv: dv.byteOffset, dbeta: dbeta.byteOffset },
      ...{ df: df?.byteOffset ?? 0, dg: dg?.byteOffset ?? 0 },
    });
    return [dq, dk, dv, dbeta, df, dg].map((x) => x?.slice());
  });
  assertEquals(
    whole,
    meeting,
    "sweeps one after the other are those that meet",
  );
  const columns = problem.isDiagonal ? headDim : 1;
  for (let first = 0; first < tokens; first += length) {
    // Nothing comes before the first token, or after the last.
    for (let n = 0; n < columns; n++) {
      if (df) assertEquals(Math.abs(df[first * columns + n]!), 0);
      const last = (first + length - 1) * columns + n;
      if (dg) assertEquals(Math.abs(dg[last]!), 0);
    }
  }
  const zeros = new Float32Array(forward?.length ?? 0);
  return {
    y: y.slice(),
    gradients: {
      ...{ q: dq.slice(), k: dk.slice(), v: dv.slice(), beta: dbeta.slice() },
      ...df ? { [backward ? "forward" : "logDecay"]: df.slice() } : {},
      ...backward ? { backward: dg?.slice() ?? zeros } : {},
    },
  };
}

/** Solves a causal problem piece by piece, with both jobs. */
function runInPieces(
  problem: DeltaProblem,
  chunkSize: number,
  lengths: readonly number[],
): Result {
  const { batch, heads, headDim, valueDim, isDiagonal = false } = problem;
  const sequences = batch * heads;
  const { input, output } = arraysIn();
  const f = problem.gates.forward?.map((x) => Math.max(x, -1e4));
  const given = {
    ...{ q: problem.q, k: problem.k, v: problem.v, beta: problem.beta },
    ...{ dy: problem.dy, ...f ? { f } : {} },
  };
  const whole = Object.fromEntries(
    [...Object.entries(given).filter(([name]) => name !== "dy"), ["y", given.v]]
      .map(([name, x]) => [
        name === "y" ? "y" : `d${name}`,
        new Float32Array((x as Float32Array).length),
      ]),
  );
  /** The rows of a piece in a whole array, of each sequence. */
  const rowsOf = (x: Float32Array, start: number, length: number) => {
    const row = x.length / sequences;
    const columns = row / problem.length;
    return Array.from({ length: sequences }, (_, s) =>
      x.subarray(
        s * row + start * columns,
        s * row + (start + length) * columns,
      ));
  };
  let start = 0;
  let before = 0;
  const state = () => output(sequences * headDim * valueDim).byteOffset;
  const pieces = lengths.map((length) => {
    const inputs = Object.entries(given).map(([name, x]) => {
      const rows = rowsOf(x, start, length);
      return [name, input(Float32Array.from(rows.flatMap((x) => [...x])))];
    });
    const outputs = Object.entries(whole).map(([name, x]) => [
      name,
      output(x.length / problem.length * length),
    ]);
    const arrays: Record<string, Float32Array> = Object.fromEntries(
      [...inputs, ...outputs],
    );
    const addresses = Object.fromEntries(
      Object.entries(arrays).map(([name, x]) => [name, x.byteOffset]),
    ) as Record<"q" | "k" | "v" | "beta" | "y", number>;
    const job = {
      ...{ sequences, length, headDim, valueDim, causal: 1 },
      ...{ steps: 1, a: 0, b: 0 },
      chunkSize: Math.min(chunkSize, length),
      ...{ diagonal: Number(isDiagonal), scale: problem.scale },
      ...{ parts: 1, whole: 0, f: 0, g: 0 },
      ...NO_STATES,
      ...NO_GRADIENTS,
      ...addresses,
      before,
    };
    const forward = state();
    const parts = valueDim > 4 ? 2 : 1;
    runGuarded(LION_JOBS.transition, {
      ...job,
      ...NO_GRADIENTS,
      parts,
      forward,
    });
    before = forward;
    start += length;
    return { job, arrays, length };
  });
  let dforward = 0;
  for (const { job, arrays, length } of pieces.toReversed()) {
    const dbefore = job.before === 0 ? 0 : state();
    runGuarded(LION_JOBS.transition, { ...job, dforward, dbefore });
    dforward = dbefore;
    start -= length;
    for (const [name, x] of Object.entries(whole)) {
      const got = arrays[name]!;
      rowsOf(x, start, length).forEach((rows, s) =>
        rows.set(got.subarray(s * rows.length, (s + 1) * rows.length))
      );
    }
  }
  const { y, df, dq, dk, dv, dbeta } = whole as Record<string, Float32Array>;
  return {
    y: y!,
    gradients: {
      ...{ q: dq!, k: dk!, v: dv!, beta: dbeta! },
      ...df ? { logDecay: df } : {},
    },
  };
}

/**
 * Transitions that read in each way. From both sides tokens have one step: of several
 * the job counts twice what a token has written itself.
 */
const TRANSITION_CASES: TransitionCase[] = [
  { batch: 1, heads: 1, length: 1, causal: false },
  { batch: 2, heads: 1, length: 7, causal: true, steps: 3, hasState: true },
  { batch: 1, heads: 2, length: 29, causal: false, headDim: 7, valueDim: 4 },
  { batch: 1, heads: 2, length: 25, causal: true, steps: 2, headDim: 4 },
].flatMap((sizes) =>
  READS.flatMap((reads) =>
    (["none", "arrival", "arrival of channels"] as const).map((decay) => ({
      ...{ ...sizes, reads, decay },
    }))
  )
);

/** Each of some sizes, with decays of these kinds, and the oracle's solution. */
function casesOf(decays: readonly DeltaCase["decay"][], causal: boolean) {
  return [
    { batch: 1, heads: 1, length: 1 },
    { batch: 2, heads: 3, length: 7 },
    { batch: 1, heads: 2, length: 67, headDim: 7, valueDim: 4 },
    { batch: 1, heads: 1, length: 40, headDim: 4, valueDim: 19 },
  ].flatMap((sizes) =>
    decays.map((decay) => {
      const c: DeltaCase = { ...sizes, decay, causal };
      return { c, ...solved(DELTA, c) };
    })
  );
}

Deno.test("the job of transitions, as the delta rule, equals the oracle on 1, 2 and 4 threads", async () => {
  const decays = ["none", "two-sided", "two-sided of channels"] as const;
  const all = [...casesOf(decays, false), ...casesOf(decays, true)];
  const failures: string[] = [];
  for (const threads of [1, 2, 4]) {
    await host.useThreads(threads);
    for (const { c, problem, expected } of all) {
      for (const chunkSize of [1, 5, 24, 64]) {
        const tokens = Math.min(chunkSize, c.length);
        const actual = run(problem, tokens, Math.min(threads, 3));
        const label = `${JSON.stringify(c)} C=${chunkSize} threads=${threads}`;
        failures.push(
          ...differences(DELTA, problem, actual, expected, "wasm")
            .map((line) => `${label}: ${line}`),
        );
      }
    }
  }
  await host.useThreads(1);
  assertEquals(failures, []);
});

Deno.test("the job of transitions, as the delta rule, of pieces equals the whole, outputs and gradients", async () => {
  const failures: string[] = [];
  const all = casesOf(["none", "arrival", "arrival of channels"], true);
  for (const threads of [1, 2]) {
    await host.useThreads(threads);
    for (const { c, problem, expected } of all) {
      const { length } = c;
      const ways = length === 1 ? [[1]] : [
        [1, length - 1],
        [length - 2, 2],
        [1, 3, length - 4],
      ];
      for (const lengths of ways) {
        for (const chunkSize of [1, 5, 24]) {
          const actual = runInPieces(problem, chunkSize, lengths);
          const label = `${JSON.stringify(c)} in ${lengths} C=${chunkSize}`;
          failures.push(
            ...differences(DELTA, problem, actual, expected, "wasm")
              .map((line) => `${label}: ${line}`),
          );
        }
      }
    }
  }
  await host.useThreads(1);
  assertEquals(failures, []);
});

/** Solves a problem of transitions with both jobs; decays are alike from both sides. */
function runTransitions(
  problem: TransitionProblem,
  chunkSize: number,
  whole: number,
): Result {
  const { batch, heads, length, headDim, valueDim, steps, causal } = problem;
  const { logDecay, initialState, ...vectors } = valuesOf(problem.inputs);
  const { input, output } = arraysIn();
  const f = logDecay?.map((x) => Math.max(x, -1e4));
  const given = {
    ...vectors,
    f,
    g: causal ? undefined : f,
    before: initialState,
  };
  const record: Record<string, number> = { ...NO_STATES, ...NO_GRADIENTS };
  const gradients: Record<string, Float32Array> = {};
  for (const name of ["q", "k", "v", "a", "b", "beta", "f", "g", "before"]) {
    const x = given[name as keyof typeof given];
    record[name] = x ? input(x).byteOffset : 0;
    if (x) gradients[name] = output(x.length);
  }
  const dy = input(problem.outputGradient.values), y = output(dy.length);
  const columns = logDecay ? logDecay.length / (batch * heads * length) : 1;
  const job = {
    ...{
      sequences: batch * heads,
      length,
      headDim,
      valueDim,
      chunkSize,
      steps,
    },
    ...{ causal: Number(causal), diagonal: Number(columns > 1), scale: 0.4 },
    ...{ parts: 1, whole: 0, y: y.byteOffset },
    ...record,
  } as JobRecord<typeof LION_JOBS.transition>;
  runGuarded(LION_JOBS.transition, job);
  const addresses = Object.entries(gradients)
    .map(([name, x]) => [`d${name}`, x.byteOffset]);
  runGuarded(LION_JOBS.transition, {
    ...job,
    ...Object.fromEntries(addresses),
    ...{ whole, dy: dy.byteOffset },
  });
  const { f: df, g: dg, before, ...others } = gradients;
  return {
    y: y.slice(),
    gradients: {
      ...Object.fromEntries(
        Object.entries(others).map(([name, x]) => [name, x.slice()]),
      ),
      ...df ? { logDecay: df.map((x, i) => x + (dg?.[i] ?? 0)) } : {},
      ...before ? { initialState: before.slice() } : {},
    },
  };
}

Deno.test("the job of transitions equals the oracle, whatever they read", async () => {
  const failures: string[] = [];
  for (const threads of [1, 2]) {
    await host.useThreads(threads);
    for (const c of TRANSITION_CASES) {
      const { problem, expected } = solved(TRANSITION, c);
      for (const [chunkSize, whole] of [[1, 0], [3, 1], [8, 0], [64, 1]]) {
        const tokens = Math.min(chunkSize!, c.length);
        const actual = runTransitions(problem, tokens, whole!);
        const label = `${JSON.stringify(c)} C=${chunkSize} threads=${threads}`;
        failures.push(
          ...differences(TRANSITION, problem, actual, expected, "wasm")
            .map((line) => `${label}: ${line}`),
        );
      }
    }
  }
  await host.useThreads(1);
  assertEquals(failures, []);
});
