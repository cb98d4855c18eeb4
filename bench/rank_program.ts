/**
 * A rank that is told what to do, as `rank_program.ts URL`: it posts what it has
 * done, and the answer is what to do next. Meanwhile it takes no time of the
 * machine's, as waiting for MPI would. On WebAssembly, with one thread.
 *
 * @module
 */
import { useBackend } from "@lionjs/lion";
import { openMpi } from "@lionjs/lion/mpi";
import {
  modelOf,
  type OPERATIONS,
  type Reply,
  type Request,
} from "./rank_problem.ts";
import { counted, RankTraining } from "./rank_training.ts";

const [url] = Deno.args;
const mpi = openMpi();
await useBackend({ prefer: ["wasm"], threads: 1 });
const count = counted(mpi);
const trainings = new Map<string, RankTraining>();

/** An operation on an array of the same numbers on all ranks, plus the rank; and what comes of it. */
const EXCHANGES: Readonly<
  Record<
    typeof OPERATIONS[number],
    readonly [
      run: (values: Float32Array) => Promise<Float32Array> | Float32Array,
      expected: (value: number) => number,
    ]
  >
> = {
  // To the next rank, the last to the first.
  exchange: [
    (values) =>
      mpi.exchange(values, {
        to: (mpi.rank + 1) % mpi.size,
        from: (mpi.rank + mpi.size - 1) % mpi.size,
      }),
    (value) => value + (mpi.rank + mpi.size - 1) % mpi.size,
  ],
  allreduce: [
    (values) => mpi.allreduce(values),
    (value) => mpi.size * value + mpi.size * (mpi.size - 1) / 2,
  ],
  exscan: [
    (values) => mpi.exscan(values),
    (value) => mpi.rank * value + mpi.rank * (mpi.rank - 1) / 2,
  ],
};

const ready = (): Reply => {
  const model = modelOf();
  const weights = model.countParams();
  model.dispose();
  return { kind: "ready", version: mpi.version, weights };
};

let reply = ready();
for (;;) {
  const request = await nextAfter(reply);
  if (request.kind === "end") break;
  reply = await answer(request);
}
for (const training of trainings.values()) await training.end();
await mpi.close();

async function nextAfter(reply: Reply): Promise<Request> {
  const body = JSON.stringify({ rank: mpi.rank, reply });
  return await (await fetch(url!, { method: "POST", body })).json();
}

async function answer(request: Exclude<Request, { kind: "end" }>) {
  switch (request.kind) {
    case "open": {
      const { name, batch, sharedBy } = request;
      const training = new RankTraining(mpi, count, batch, sharedBy);
      trainings.set(name, training);
      // Two of them must not begin at once: ranks would take one's messages for the other's.
      await training.ready();
      return ready();
    }
    case "step": {
      const steps = await trainings.get(request.name)!.take(request.steps);
      return { kind: "stepped", steps } as const;
    }
    case "exchange": {
      const { operation, bytes, times } = request;
      const milliseconds = await timed(operation, bytes, times);
      return { kind: "exchanged", milliseconds } as const;
    }
  }
}

/** What each of some exchanges took; the first, whose result is checked, is not among them. */
async function timed(
  operation: typeof OPERATIONS[number],
  bytes: number,
  times: number,
): Promise<number[]> {
  const [run, expected] = EXCHANGES[operation];
  const values = Float32Array.from(
    { length: bytes / 4 },
    (_, i) => i % 7 + mpi.rank,
  );
  const own = values.slice();
  for (const [i, value] of (await run(own)).entries()) {
    if (value === expected(i % 7)) continue;
    throw new Error(
      `${operation} of ${bytes} bytes has ${value} at ${i}, not ${
        expected(i % 7)
      }`,
    );
  }
  const milliseconds: number[] = [];
  for (let i = 0; i < times; i++) {
    // Sums of sums would grow without end.
    own.set(values);
    await mpi.barrier();
    const begun = performance.now();
    await run(own);
    milliseconds.push(performance.now() - begun);
  }
  return milliseconds;
}
