/** Each form of attention as jobs of the module, against the oracle. @module */
import { assert, assertEquals } from "@std/assert";
import { LION_JOBS } from "../../../lib/kernels/wasm/jobs.ts";
import { LION, type LionCase, type LionProblem } from "../../subjects/lion.ts";
import { differences, solved } from "../../subjects/subject.ts";
import { NO_STATES } from "./attention_job.ts";
import { arraysIn, host, runGuarded } from "./guarded_host.ts";

/** The forms that have jobs. */
type Form = "chunkwise" | "full" | "recurrent";

/** Solves a problem of two-sided or no decay with a form's job, and that of its gradient. */
function run(
  form: Form,
  problem: LionProblem,
  { chunkSize, splits }: { chunkSize: number; splits: number },
): { y: Float32Array; gradients: Record<string, Float32Array> } {
  const { batch, heads, length, headDim, valueDim, decays, causal } = problem;
  const tokens = batch * heads * length;
  const { input, output } = arraysIn();
  const q = input(problem.q), k = input(problem.k), v = input(problem.v);
  const dy = input(problem.dy);
  const logDecay = (values: Float32Array | null | undefined) =>
    values && input(values.map((x) => Math.max(x, -1e4)));
  const zeros = new Float32Array(tokens);
  // As lionAttention does: a causal mask is one of decays, of which all are 1.
  const f = logDecay(decays["forward"] ?? (causal ? zeros : null));
  const b = causal ? null : logDecay(decays["backward"]);
  const y = output(tokens * valueDim), rowSums = output(tokens);
  const dq = output(q.length), dk = output(k.length), dv = output(v.length);
  const df = f && output(tokens), db = b && output(tokens);
  const arrays = { q, k, v, f, b, y, rowSums, dy, dq, dk, dv, df, db };
  const addresses = Object.fromEntries(
    Object.entries(arrays).map(([name, x]) => [name, x?.byteOffset ?? 0]),
  ) as Record<keyof typeof arrays, number>;
  const size = form === "recurrent" ? Math.ceil(Math.sqrt(length)) : chunkSize;
  // The gradient of all forms is the chunkwise one's.
  const jobs = [`${form}Forward`, "chunkwiseBackward"] as const;
  for (const job of jobs) {
    runGuarded(LION_JOBS[job], {
      sequences: batch * heads,
      groupSize: 1,
      length,
      headDim,
      valueDim,
      chunkSize: Math.min(size, length),
      splits: Math.min(splits, Math.ceil(length / size)),
      causal: Number(causal),
      normalize: Number(problem.normalize),
      diagonal: 0,
      scale: problem.scale,
      epsilon: problem.epsilon,
      ...NO_STATES,
      ...addresses,
    });
  }
  if (df) {
    for (let first = 0; first < tokens; first += length) {
      // Nothing comes before the first token, or after the last.
      assertEquals(Math.abs(df[first]!), 0);
      if (db) assertEquals(Math.abs(db[first + length - 1]!), 0);
    }
  }
  const gradients: Record<string, Float32Array> = {
    q: dq.slice(),
    k: dk.slice(),
    v: dv.slice(),
  };
  if (decays["forward"]) {
    gradients["forward"] = df!.slice();
    gradients["backward"] = db?.slice() ?? zeros;
  }
  return { y: y.slice(), gradients };
}

function* cases(): Generator<LionCase> {
  const sizes = [
    { batch: 1, heads: 1, length: 1 },
    { batch: 2, heads: 3, length: 2 },
    { batch: 2, heads: 3, length: 67 },
    { batch: 1, heads: 2, length: 130, headDim: 8, valueDim: 4 },
    { batch: 1, heads: 1, length: 130, headDim: 64, valueDim: 19 },
  ];
  for (const size of sizes) {
    for (const decay of ["none", "two-sided"] as const) {
      for (const causal of [false, true]) {
        for (const normalize of [false, true]) {
          yield { ...size, decay, causal, normalize };
        }
      }
    }
  }
}

const CASES = [...cases()].map((c) => ({ c, ...solved(LION, c) }));

for (const form of ["chunkwise", "full", "recurrent"] as const) {
  Deno.test(`the ${form} jobs equal the oracle on 1, 2 and 4 threads`, async () => {
    const failures: string[] = [];
    for (const threads of [1, 2, 4]) {
      await host.useThreads(threads);
      for (const { c, problem, expected } of CASES) {
        for (const chunkSize of [5, 24, 64]) {
          const splits = threads;
          const actual = run(form, problem, { chunkSize, splits });
          const wrong = differences(LION, problem, actual, expected, "wasm");
          const label = `${
            JSON.stringify(c)
          } C=${chunkSize} threads=${threads}`;
          failures.push(...wrong.map((line) => `${label}: ${line}`));
        }
      }
    }
    await host.useThreads(1);
    assertEquals(failures, []);
  });
}

async function assertWrites(groupSize: number, isDiagonal: boolean) {
  const ofDecay = (headDim: number) => isDiagonal ? headDim : 1;
  const sizes = [
    { length: 1, headDim: 5, valueDim: 3 },
    { length: 67, headDim: 8, valueDim: 20 },
    { length: 130, headDim: 61, valueDim: 9 },
  ];
  for (const threads of [1, 3]) {
    await host.useThreads(threads);
    for (const { length, headDim, valueDim } of sizes) {
      for (const causal of [false, true]) {
        for (const chunkSize of [5, 24, 64]) {
          const { input, output } = arraysIn();
          const tokens = groupSize * length, decayDim = ofDecay(headDim);
          const place = (size: number, value: number) =>
            input(new Float32Array(size).fill(value));
          const empty = (columns: number) => output(tokens * columns);
          const back = causal ? undefined : place(tokens * decayDim, -0.2);
          const inputs = {
            q: place(length * headDim, 0.5),
            k: place(length * headDim, 0.5),
            v: place(tokens * valueDim, 1),
            dy: place(tokens * valueDim, 1),
            f: place(tokens * decayDim, -0.1),
            ...back ? { b: back } : {},
          };
          const outputs = {
            y: empty(valueDim),
            rowSums: empty(1),
            dq: output(length * headDim),
            dk: output(length * headDim),
            dv: empty(valueDim),
            df: empty(decayDim),
            ...back ? { db: empty(decayDim) } : {},
          };
          const addresses = Object.fromEntries(
            Object.entries({ ...inputs, ...outputs })
              .map(([name, { byteOffset }]) => [name, byteOffset]),
          );
          const ofChunk = Math.min(chunkSize, length);
          for (const pass of ["Forward", "Backward"] as const) {
            runGuarded(LION_JOBS[`chunkwise${pass}`], {
              ...{ sequences: groupSize, groupSize },
              ...{ length, headDim, valueDim },
              chunkSize: ofChunk,
              splits: Math.min(threads, Math.ceil(length / ofChunk)),
              ...{ causal: Number(causal), normalize: 1 },
              diagonal: Number(isDiagonal),
              ...{ scale: 1, epsilon: 1e-6, b: 0, db: 0 },
              ...NO_STATES,
              ...addresses as Record<
                keyof typeof inputs | keyof typeof outputs,
                number
              >,
            });
          }
          for (const [name, array] of Object.entries(outputs)) {
            assert(array.every(Number.isFinite), `${name} of ${length}`);
          }
        }
      }
    }
  }
  await host.useThreads(1);
}

Deno.test(
  "jobs whose channels have decays of their own write all of their outputs, and nothing else",
  () => assertWrites(1, true),
);

Deno.test(
  "jobs of keys that are shared write all of their outputs, and nothing else",
  async () => {
    await assertWrites(3, false);
    await assertWrites(3, true);
  },
);
