/** A kernel that runs out of memory frees what it made, and works again. @module */
import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  alive,
  assertNoLeak,
  onEachBackend,
  WITH_KERNELS,
} from "../backends.ts";
import { sample } from "../sample.ts";
import {
  DATA_LEFT_BY,
  type KernelCall,
  kernelCalls,
  run,
  tensorsOf,
} from "../tfjs/kernel_calls.ts";

/** Kernels of TensorFlow.js's names that are ours: on WebGPU the others leave theirs. */
const REPLACED = {
  wasm:
    /^(_?Fused(MatMul|Conv2D)|(Depthwise)?Conv2d?D?.*Backprop.*|Sum|SplitV)$/,
  webgpu: /^Sum$/,
};

/** Calls of a kernel that are tried, at most. */
const MOST_CALLS = 6;

/** Kernels whose results may have the data of their inputs. */
const MAY_SHARE = ["LionTokens"];

/** Makes the n-th reservation of memory fail. */
function failAt(n: number): () => void {
  const backend = tf.backend() as unknown as {
    wasm?: { _malloc(bytes: number): number };
    write(...x: unknown[]): object;
  };
  let left = n;
  const count = () => {
    if (--left === 0) throw new RangeError("out of memory, as told");
  };
  if (backend.wasm) {
    const { wasm } = backend, allocate = wasm._malloc;
    wasm._malloc = (bytes) => {
      count();
      return allocate(bytes);
    };
    return () => wasm._malloc = allocate;
  }
  // WebGPU reserves a buffer as late as it is used.
  const { write } = backend;
  backend.write = function (...values) {
    count();
    return write.apply(this, values);
  };
  return () => delete (backend as { write?: unknown }).write;
}

/** The values of a call's results. */
async function valuesOf(
  call: KernelCall,
  tensors: readonly tf.Tensor[],
): Promise<number[][]> {
  const outputs = tf.tidy(() => run(call, tensors));
  const values = await Promise.all(outputs.map((x) => x.data()));
  tf.dispose(outputs);
  return values.map((x) => [...x]);
}

/** Lets each reservation of a call fail; returns how many there are. */
async function failuresOf(call: KernelCall): Promise<number> {
  const tensors = tensorsOf(call);
  const before = await valuesOf(call, tensors);
  const held = alive();
  let failures = 0;
  for (let n = 1;; n++) {
    const restore = failAt(n);
    try {
      tf.dispose(tf.tidy(() => run(call, tensors)));
      break;
    } catch (error) {
      assertEquals((error as Error).message, "out of memory, as told");
      failures++;
    } finally {
      restore();
    }
    assertNoLeak(held);
  }
  assertEquals(await valuesOf(call, tensors), before, call.kernel);
  tf.dispose(tensors);
  return failures;
}

onEachBackend(
  "every kernel of ours frees what it made when memory runs out",
  async (backend) => {
    const { calls } = await kernelCalls(backend);
    const replaced = REPLACED[backend as "wasm"];
    // An optimizer's kernel changes its inputs, and makes nothing.
    const ours = [...calls].filter(([kernel]) =>
      (kernel.startsWith("Lion") || replaced.test(kernel)) &&
      kernel !== "LionUpdate" && tf.getKernel(kernel, backend)
    );
    const first = new Set(ours.map(([, [call]]) => call));
    const chosen = sample(
      backend,
      ours.flatMap(([, calls]) => calls.slice(0, MOST_CALLS)),
      (call) => first.has(call),
    );
    const failures = new Map<string, number>();
    for (const call of chosen) {
      const known = failures.get(call.kernel) ?? 0;
      failures.set(call.kernel, known + await failuresOf(call));
    }
    const none = [...failures].filter(([kernel, count]) =>
      count === 0 && !MAY_SHARE.includes(kernel)
    );
    assertEquals(none, [], "kernels that reserve nothing");
  },
  { only: WITH_KERNELS, sampled: true, dataLeftBy: DATA_LEFT_BY },
);

onEachBackend(
  "a buffer that is too large is refused, and what was made for it is freed",
  () => {
    const x = tf.ones<tf.Rank.R1>([9]);
    const held = alive();
    const backend = tf.backend() as unknown as {
      uploadToGPU(dataId: object): void;
    };
    const { uploadToGPU } = backend;
    let calls = 0;
    backend.uploadToGPU = function (dataId) {
      if (++calls > 1) throw new RangeError("too large, as told");
      uploadToGPU.call(this, dataId);
    };
    try {
      assertThrows(
        () =>
          tf.tidy(() =>
            void tf.engine().runKernel("LionGeluGrad", { x, dy: x })
          ),
        RangeError,
        "too large, as told",
      );
    } finally {
      delete (backend as { uploadToGPU?: unknown }).uploadToGPU;
    }
    assertNoLeak(held);
    x.dispose();
  },
  ["webgpu"],
);
