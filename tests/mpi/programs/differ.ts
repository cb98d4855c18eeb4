/**
 * The second rank does something else than the others, and all of them throw:
 * each rank fails with the first case in which it does not, or not soon. After
 * each, ranks compute as before.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  attentionAcrossRanks,
  contextParallel,
  type Decay,
  deltaAcrossRanks,
  diagonalDecay,
  fixedDecay,
  type LionAttentionOptions,
  noDecay,
  selectiveDecay,
  useBackend,
} from "../../../mod.ts";
import { tokenPooling } from "../../../lib/layers/mod.ts";
import { openMpi } from "../../../lib/mpi/mod.ts";

/** However busy the machine. */
const MILLISECONDS_TO_TELL = 5000;

const mpi = openMpi();
const { rank, size } = mpi;
const isOther = rank === 1;
await useBackend({ prefer: ["cpu"] });

let cases = 0;

/** Fails unless all ranks throw, with the same words, and can go on. */
async function assertAllThrow(
  name: string,
  run: () => unknown,
  ...words: string[]
) {
  const begun = performance.now();
  const tensors = tf.memory().numTensors;
  const { message } = await assertRejects(
    async () => void await run(),
    RangeError,
  );
  assert(performance.now() - begun < MILLISECONDS_TO_TELL, `${name}: late`);
  for (const word of words) assert(message.includes(word), message);
  assertEquals(tf.memory().numTensors, tensors, `${name}: tensors`);
  const [ranks] = await mpi.allreduce(Int32Array.of(1));
  assertEquals(ranks, size, name);
  cases++;
}

const three = () => new Float32Array(3);
const CALLS: Readonly<
  Record<string, readonly [ofMost: () => unknown, ofOther: () => unknown]>
> = {
  "allreduce (sum) of 5 numbers": [
    () => mpi.allreduce(three()),
    () => mpi.allreduce(new Float32Array(5)),
  ],
  "allreduce (sum) of 3 numbers (Int32Array)": [
    () => mpi.allreduce(three()),
    () => mpi.allreduce(new Int32Array(3)),
  ],
  "allreduce (max) of 3 numbers": [
    () => mpi.allreduce(three()),
    () => mpi.allreduce(three(), "max"),
  ],
  barrier: [() => mpi.allreduce(three()), () => mpi.barrier()],
  close: [() => mpi.exscan(three()), () => mpi.close()],
  "broadcast of 3 numbers (Float32Array) from rank 1": [
    () => mpi.broadcast(three()),
    () => mpi.broadcast(three(), 1),
  ],
  "broadcast of 1 number (Uint8Array) from rank 0": [
    () => mpi.gather(Uint8Array.of(1)),
    () => mpi.broadcast(Uint8Array.of(1)),
  ],
  "gather of 4 numbers (Float64Array) to rank 1": [
    () => mpi.gather(new Float64Array(3), 1),
    () => mpi.gather(new Float64Array(4), 1),
  ],
};
for (const [name, [ofMost, ofOther]] of Object.entries(CALLS)) {
  const run = isOther ? ofOther : ofMost;
  await assertAllThrow(name, run, "rank 0 calls ", `rank 1 ${name}`);
}

// Of two at once the one that is the same on all ranks is computed.
const [first, second] = await Promise.allSettled([
  mpi.allreduce(new Float32Array(isOther ? 5 : 3)),
  mpi.allreduce(Float32Array.of(rank)),
]);
assertEquals(first.status, "rejected");
assertEquals(second, {
  status: "fulfilled",
  value: Float32Array.of(size * (size - 1) / 2),
});

/** What attention is called with; on the other rank something is changed. */
interface Attention extends Omit<LionAttentionOptions, "decay"> {
  readonly batch: number;
  readonly heads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly dtype: "float32" | "int32";
  readonly decay: (batch: number, heads: number, headDim: number) => Decay;
  readonly rule: "lion" | "delta";
}

const LENGTH = 4;

const SAME: Attention = {
  ...{ batch: 2, heads: 2, headDim: 3, valueDim: 3, dtype: "float32" },
  ...{ decay: noDecay, rule: "lion" },
};

const perHead = (batch: number, heads: number): tf.Tensor3D =>
  tf.fill([batch, heads, LENGTH], -0.1);

/** By what differs, in the words of the message. */
const ATTENTIONS: Readonly<Record<string, Partial<Attention>>> = {
  "causal true on rank 1, and causal false on rank 0": { causal: true },
  "headDim 4": { headDim: 4 },
  "valueDim 4": { valueDim: 4 },
  "heads 3": { heads: 3 },
  "batch 1 ": { batch: 1 },
  '"int32"': { dtype: "int32" },
  "scale 0.7": { scale: 0.7 },
  "epsilon 0.1": { epsilon: 0.1 },
  "normalize false": { normalize: false },
  'decay ["fixed"': { decay: (_, heads) => fixedDecay(tf.fill([heads], -0.1)) },
  'decay ["selective",[2,2],"source"]': {
    decay: (batch, heads) => selectiveDecay(perHead(batch, heads)),
  },
  'decay ["selective",[2,2],"arrival"]': {
    decay: (batch, heads) =>
      selectiveDecay(perHead(batch, heads), { convention: "arrival" }),
  },
  'decay ["selective",[1,2],"arrival"]': {
    decay: (_, heads) =>
      selectiveDecay(perHead(1, heads), { convention: "arrival" }),
  },
  'decay ["diagonal",[2,2,3]': {
    decay: (batch, heads, headDim) =>
      diagonalDecay(tf.fill([batch, heads, LENGTH, headDim], -0.1)),
  },
  "mask true": { mask: tf.ones([2, LENGTH]) },
  "segments true": { segments: tf.zeros([2, LENGTH], "int32") },
  'operation "deltaAcrossRanks"': { rule: "delta" },
};

function attend(how: Partial<Attention>): void {
  tf.tidy(() => {
    const { batch, heads, headDim, valueDim, dtype, decay, rule, ...options } =
      { ...SAME, ...how };
    const q: tf.Tensor4D = tf.ones([batch, heads, LENGTH, headDim], dtype);
    const v: tf.Tensor4D = tf.ones([batch, heads, LENGTH, valueDim], dtype);
    const given = {
      ...{ decay: decay(batch, heads, headDim), communicator: mpi },
    };
    if (rule === "lion") {
      attentionAcrossRanks(q, q, v, { ...options, ...given });
    } else {
      const beta: tf.Tensor3D = tf.ones([batch, heads, LENGTH]);
      deltaAcrossRanks(q, q, v, beta, given);
    }
  });
}

attend({});
for (const [words, how] of Object.entries(ATTENTIONS)) {
  const run = () => attend(isOther ? how : {});
  await assertAllThrow(words, run, words, "on rank 1, and", "on rank 0");
}

// Speed alone is each rank's own business, and lengths are.
attend({ chunkSize: isOther ? 2 : 3, kernel: !isOther });

await assertAllThrow(
  "pooling",
  () =>
    contextParallel(mpi, () =>
      tf.tidy(() => {
        const kind = isOther ? "mean" : "first";
        void tokenPooling({ kind }).apply(tf.ones([2, LENGTH, 3]));
      })),
  'kind "mean" on rank 1, and kind "first" on rank 0',
);

await mpi.close();
if (rank === 0) console.log(`${cases} cases throw on all ranks`);
