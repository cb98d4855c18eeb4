/** Indices that name nothing, in every kernel that takes indices. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { addressOf } from "../../lib/tfjs/wasm/address.ts";
import { type BackendName, useBackend } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { sample } from "../sample.ts";
import {
  assertOutcome,
  INDEX_CALLS,
  INDEX_CASES,
  type IndexCase,
  NOT_THERE,
  type Outcome,
  outcomeOf,
} from "./index_calls.ts";

/** What cpu gives for each case, and for the same one with an index that is there. */
const wanted = new Map<IndexCase, readonly [Outcome, Outcome]>();

/** Computes on cpu what has not been. */
async function computeWanted(backend: BackendName): Promise<void> {
  if (wanted.size > 0) return;
  await useBackend({ prefer: ["cpu"] });
  for (const one of INDEX_CASES) {
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
);

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
  ["webgpu"],
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
