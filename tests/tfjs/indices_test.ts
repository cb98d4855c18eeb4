/** Indices that name nothing, in every kernel that takes indices. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { addressOf } from "../../lib/tfjs/wasm/address.ts";
import { type BackendName, useBackend } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { sample, sampleOf200 } from "../sample.ts";
import {
  assertOutcome,
  INDEX_CALLS,
  INDEX_CASES,
  type IndexCase,
  indexCase,
  NOT_THERE,
  type Outcome,
  outcomeOf,
} from "./index_calls.ts";

/** What cpu gives for each case, and for the same one with an index that is there. */
const wanted = new Map<IndexCase, readonly [Outcome, Outcome]>();

/** Computes on cpu what has not been. */
async function computeWanted(
  backend: BackendName,
  cases: readonly IndexCase[] = INDEX_CASES,
): Promise<void> {
  await useBackend({ prefer: ["cpu"] });
  for (const one of cases) {
    if (wanted.has(one)) continue;
    const there = await outcomeOf({ ...one, odd: one.odd && (() => 0) });
    wanted.set(one, [await outcomeOf(one), there]);
  }
  await useBackend({ prefer: [backend] });
}

const isThere = (backend: BackendName) => ({ call }: IndexCase) =>
  !NOT_THERE[backend].includes(call.kernel);

onEachBackend(
  "an index that names nothing is refused, or passed over, as on cpu",
  async (backend) => {
    await computeWanted(backend);
    for (const one of sample(backend, INDEX_CASES.filter(isThere(backend)))) {
      assertOutcome(one, await outcomeOf(one), ...wanted.get(one)!);
    }
  },
  { sampled: true },
);

onEachBackend("cases that are made up are as on cpu, too", async (backend) => {
  const cases = sampleOf200(backend, indexCase).filter(isThere(backend));
  await computeWanted(backend, cases);
  for (const one of cases) {
    assertOutcome(one, await outcomeOf(one), ...wanted.get(one)!);
  }
}, { only: ["wasm", "webgpu"], sampled: true });

onEachBackend(
  "indices on the GPU that name nothing leave nothing that looks like a result",
  async (backend) => {
    await computeWanted(backend);
    // There is no bool that is none.
    const cases = INDEX_CASES.filter(isThere(backend)).filter((
      { call, dtype },
    ) => dtype !== "bool" && (call.spoils || call.fate === "passed over"));
    for (const one of sample(backend, cases)) {
      const moved = { ...one, onDevice: true };
      assertOutcome(moved, await outcomeOf(moved), ...wanted.get(one)!);
    }
  },
  { only: ["webgpu"], sampled: true },
);

onEachBackend("small calls that webgpu computes on the host", async () => {
  await computeWanted("webgpu");
  tf.env().set("WEBGPU_CPU_FORWARD", true);
  try {
    for (const one of INDEX_CASES.filter(isThere("webgpu"))) {
      assertOutcome(one, await outcomeOf(one), ...wanted.get(one)!);
    }
  } finally {
    tf.env().set("WEBGPU_CPU_FORWARD", false);
  }
}, ["webgpu"]);

/** Calls whose results were lost, or put elsewhere, on one backend at least. */
const EXACT: Readonly<
  Record<string, readonly [() => tf.Tensor, readonly number[]]>
> = {
  "weights of several hits of a bin": [() =>
    tf.denseBincount(
      tf.tensor2d([[0, 1, 1, 1, 2, 2]], [1, 6], "int32"),
      tf.tensor2d([[1, 2, 3, 4, 5, 6]]),
      3,
    ), [1, 9, 11]],
  "two rows of many hits": [() =>
    tf.denseBincount(
      tf.tensor2d(
        Array.from({ length: 600 }, (_, i) => i % 3),
        [2, 300],
        "int32",
      ),
      tf.zeros<tf.Rank.R2>([0, 0]),
      3,
    ), [100, 100, 100, 100, 100, 100]],
  "whether there is a number": [() =>
    tf.denseBincount(
      tf.tensor1d([1, 1, 1, 7], "int32"),
      tf.tensor1d([]),
      3,
      true,
    ), [0, 1, 0]],
  "whether there is a number, in rows with weights": [() =>
    tf.denseBincount(
      tf.tensor2d([[1, 1], [0, 2]], [2, 2], "int32"),
      tf.tensor2d([[5, 6], [7, 8]]),
      3,
      true,
    ), [0, 1, 0, 1, 0, 1]],
  "ids beyond the last segment": [() =>
    tf.unsortedSegmentSum(
      tf.tensor1d([1, 10, 100, 1000]),
      tf.tensor1d([0, 1, 2, 5], "int32"),
      2,
    ), [1, 10]],
  "the last of several rows for one place": [() =>
    tf.sparseToDense(
      tf.tensor1d([1, 1, 0, 1], "int32"),
      tf.tensor1d([3, 4, 5, 6]),
      [3],
      tf.scalar(-1),
    ), [5, 6, -1]],
  "the last of several updates": [() =>
    tf.tensorScatterUpdate(
      tf.ones([3]),
      tf.tensor2d([[2], [2], [0]], [3, 1], "int32"),
      tf.tensor1d([7, 8, 9]),
    ), [9, 1, 8]],
  "a row in no place": [() =>
    tf.tensorScatterUpdate(
      tf.ones([3]),
      tf.zeros([0, 1], "int32"),
      tf.zeros([0]),
    ), [1, 1, 1]],
  "sums of floats": [() =>
    tf.scatterND(
      tf.zeros([400, 1], "int32"),
      tf.fill([400], 0.5),
      [2],
    ), [200, 0]],
  "crops of no image": [() =>
    tf.image.cropAndResize(
      tf.ones([1, 2, 2, 1]),
      [[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]],
      [1, -1, 0],
      [1, 1],
    ), [0, 0, 1]],
  "crops by corners that are not finite": [() =>
    tf.image.cropAndResize(
      tf.ones([1, 3, 3, 1]),
      [[NaN, 0, 1, 1], [0, 0, Infinity, 1], [-1e30, 0, 1e30, 1]],
      [0, 0, 0],
      [1, 1],
      "nearest",
      5,
    ), [NaN, 5, 1]],
};

onEachBackend("what indices name is right to the last hit", async (backend) => {
  for (const onHost of backend === "webgpu" ? [false, true] : [false]) {
    tf.env().set("WEBGPU_CPU_FORWARD", onHost);
    for (const [label, [run, wanted]] of Object.entries(EXACT)) {
      const y = tf.tidy(run);
      assertEquals([...await y.data()], [...wanted], label);
      y.dispose();
    }
  }
  tf.env().set("WEBGPU_CPU_FORWARD", false);
});

/** What every element of a canary is. */
const SONG = 0x5a5a5a5a;

/** Bytes of the canary below results, and of what nobody has above them. */
const BELOW = 12_500_000, ABOVE = 4_500_000;

/** Small results have a canary on each side. */
const SMALL = 256;

/** Bytes before and after an allocation that are the allocator's. */
const HEADER = 128;

const canary = (bytes: number) => tf.fill([bytes / 4], SONG, "int32");

// Loops, which are ten times as fast as methods of arrays on shared memory.
function isSong(words: Int32Array): boolean {
  for (let i = 0; i < words.length; i++) if (words[i] !== SONG) return false;
  return true;
}

function areSame(words: Int32Array, others: Int32Array): boolean {
  for (let i = 0; i < words.length; i++) {
    if (words[i] !== others[i]) return false;
  }
  return true;
}

/** The part of the module that has the memory. */
interface Memory {
  readonly HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
}

onEachBackend(
  "no call with an index that names nothing writes to what is not its own",
  async () => {
    const wasm = tf.backend() as BackendWasm;
    const memory = wasm.wasm as unknown as Memory;
    const cases = INDEX_CASES.filter(isThere("wasm")).filter(({ odd }) => odd);
    // Modules, queues and pools are made when they are first needed.
    for (const one of cases) await outcomeOf(one);
    const below = canary(BELOW);
    const small = Array.from(
      { length: SMALL },
      (_, size) => [0, 1, 2].map(() => canary(4 * (size + 1))),
    );
    const live = [below, ...small.flatMap(([one, , other]) => [one!, other!])];
    const songs = live.map((x) => wasm.typedArrayFromHeap(x) as Int32Array);
    const above = canary(ABOVE), top = addressOf(wasm, above);
    above.dispose();
    for (const [, between] of small) between!.dispose();
    const free = new Int32Array(
      memory.HEAPU8.buffer,
      top,
      (memory.HEAPU8.byteLength - top) / 4,
    );
    const before = free.slice(), { _malloc: allocate } = memory;
    /** What has been allocated may have changed. */
    const allow = (address: number, bytes: number) => {
      const [from, to] = [address - HEADER, address + bytes + HEADER]
        .map((at) => Math.max(0, Math.ceil((at - top) / 4)));
      before.set(free.subarray(from, to), from);
    };
    const allocated: [address: number, bytes: number][] = [];
    memory._malloc = (bytes) => {
      const address = allocate(bytes);
      allocated.push([address, bytes]);
      return address;
    };
    try {
      for (const one of cases) {
        const { odd } = await outcomeOf(one);
        const label = `${one.call.kernel} of ${one.dtype}, index ${odd}`;
        for (const [address, bytes] of allocated.splice(0)) {
          allow(address, bytes);
        }
        assert(areSame(free, before), label);
        for (const words of songs) assert(isSong(words), label);
      }
    } finally {
      memory._malloc = allocate;
    }
    tf.dispose(live);
  },
  ["wasm"],
);

Deno.test("no kernel with an input of indices is left out", async () => {
  const declared = await Deno.readTextFile(
    new URL(
      import.meta.resolve("@tensorflow/tfjs-core/dist/kernel_names.d.ts"),
    ),
  );
  const inputs = /type (\w+)Inputs = Pick<NamedTensorInfoMap, ([^>]+)>/g;
  const indices = /'\w*(ind|indices|ids|splits|partitionTensors)'/i;
  const names = [...declared.matchAll(inputs)]
    .filter(([, , named]) => indices.test(named!))
    .map(([, name]) => name!);
  const called = new Set(INDEX_CALLS.map(({ kernel }) => kernel));
  assert(names.length > 10);
  assertEquals(names.filter((name) => !called.has(name)), []);
});
