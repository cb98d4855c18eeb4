/** The pool of a WebGPU backend's buffers: what it holds, and what it gives back. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { Arena } from "../../../lib/tfjs/webgpu/arena.ts";
import { GpuBuffers } from "../../../lib/tfjs/webgpu/gpu_buffers.ts";
import { lionAttention } from "../../../mod.ts";
import { onWebGpu } from "./on_webgpu.ts";

const USAGE = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;

/** A device that only counts its buffers. */
function counted(largestBinding = 10_000_004) {
  const alive = new Set<GPUBuffer>();
  let created = 0;
  const createBuffer = ({ size, usage }: GPUBufferDescriptor) => {
    const destroy = () => alive.delete(buffer);
    const buffer = { size, usage, destroy } as unknown as GPUBuffer;
    alive.add(buffer);
    created++;
    return buffer;
  };
  const limits = {
    maxBufferSize: 2 ** 28,
    maxStorageBufferBindingSize: largestBinding,
  } as GPUSupportedLimits;
  const pool = new GpuBuffers({ createBuffer, limits });
  return {
    pool,
    alive,
    created: () => created,
    bytes: () => [...alive].reduce((sum, { size }) => sum + size, 0),
  };
}

Deno.test("sizes of buffers are rounded up to eighths of octaves, within limits", () => {
  const { pool } = counted();
  const sizeFor = (size: number) => pool.acquireBuffer(size, USAGE).size;
  assertEquals([0, 4, 16, 20, 256, 257].map(sizeFor), [
    16,
    16,
    16,
    32,
    256,
    288,
  ]);
  assertEquals(sizeFor(2 ** 20 + 4), 2 ** 20 + 2 ** 17);
  assertEquals(sizeFor(2 ** 21 - 4), 2 ** 21);
  // Every size class serves itself.
  for (let size = 16; size < 5e6; size = sizeFor(size + 1)) {
    assertEquals(sizeFor(size), size);
  }
  assertEquals(sizeFor(9_999_996), 10_000_004);
  assertEquals(sizeFor(10_000_008), 10_000_008);
  assertEquals(pool.acquireBuffer(10_000_008, 0).size, 2 ** 20 * 10);
});

Deno.test("an arena looks at few sizes, up to the largest and no further", () => {
  const { pool } = counted(2 ** 28);
  const arena = new Arena(pool);
  let sizes = 0;
  const sizeOf = pool.sizeOf.bind(pool);
  pool.sizeOf = (...of) => {
    assert(++sizes < 100);
    return sizeOf(...of);
  };
  const large = arena.acquire(2 ** 28 - 4, USAGE);
  assertEquals(large.size, 2 ** 28);
  arena.release(large);
  assertEquals(arena.acquire(2 ** 27 + 2 ** 26, USAGE), large);
  arena.clear();
});

Deno.test("buffers have whole words where a limit does not", () => {
  const { pool } = counted(10_000_007);
  assertEquals(pool.acquireBuffer(9_999_996, USAGE).size, 10_000_004);
});

Deno.test("the pool uses a free buffer again, and counts what was asked for", () => {
  const { pool, created } = counted();
  const first = pool.acquireBuffer(1000, USAGE);
  assertEquals(pool.numBytesUsed, 1000);
  assertEquals(pool.numBytesAllocated, 1024);
  pool.releaseBuffer(first);
  assertEquals([pool.getNumUsedBuffers(), pool.getNumFreeBuffers()], [0, 1]);
  assert(pool.acquireBuffer(1020, USAGE) === first);
  assertEquals(pool.numBytesUsed, 1020);
  assert(pool.acquireBuffer(1000, USAGE) !== first);
  assert(pool.acquireBuffer(1000, GPUBufferUsage.UNIFORM) !== first);
  pool.releaseBuffer(first, false);
  assert(pool.acquireBuffer(1000, USAGE, false, false) !== first);
  assertEquals(created(), 4);
});

Deno.test("the pool holds at most 2.5 times what was in use at the worst moment", () => {
  const { pool, alive, bytes } = counted();
  let worst = 0;
  for (let length = 1; length <= 64; length++) {
    const buffers = [1, 2, 3, 1].map((columns) =>
      pool.acquireBuffer(length * columns * 16384, USAGE)
    );
    worst = Math.max(worst, pool.numBytesUsed);
    assert(buffers.every((buffer) => alive.has(buffer)));
    assertEquals(pool.numBytesAllocated, bytes());
    assert(bytes() <= Math.max(2 ** 20, 2.5 * worst), `${length}`);
    buffers.forEach((buffer) => pool.releaseBuffer(buffer));
  }
  assertEquals(pool.numBytesUsed, 0);
});

Deno.test("the free buffers that have waited longest are destroyed first", () => {
  const { pool, alive } = counted();
  const [old, young] = [1, 2].map((mega) =>
    pool.acquireBuffer(mega * 2 ** 20, USAGE)
  );
  pool.releaseBuffer(old!);
  pool.releaseBuffer(young!);
  // The peak is 3 MiB, so that 7.5 MiB may be held.
  pool.releaseBuffer(pool.acquireBuffer(2.5 * 2 ** 20, 0));
  assert(alive.has(old!));
  pool.releaseBuffer(pool.acquireBuffer(2.25 * 2 ** 20, USAGE | 1));
  assert(!alive.has(old!) && alive.has(young!));
  assert(pool.acquireBuffer(2 ** 21, USAGE) === young);
});

Deno.test("where memory is full, free buffers serve that are half as large again", () => {
  const { pool } = counted();
  const mega = 2 ** 20;
  const [one, two] = [1, 2].map((size) =>
    pool.acquireBuffer(size * mega, USAGE)
  );
  pool.releaseBuffer(one!);
  pool.releaseBuffer(two!);
  pool.releaseBuffer(pool.acquireBuffer(2.5 * mega, 0));
  // 7.5 MiB may be held.
  const next = pool.acquireBuffer(1.5 * mega, USAGE);
  assertEquals(next.size, 1.5 * mega);
  pool.releaseBuffer(next);
  assert(pool.acquireBuffer(1.25 * mega, USAGE) === next);
  assertEquals(pool.acquireBuffer(1.25 * mega, USAGE).size, 1.25 * mega);
});

Deno.test("where memory is full, none serves that is over a binding's limit", () => {
  const { pool } = counted();
  const over = pool.acquireBuffer(10_000_008, USAGE);
  pool.releaseBuffer(over);
  pool.releaseBuffer(pool.acquireBuffer(9_000_000, 0));
  // 25 MB may be held.
  assertEquals(pool.acquireBuffer(9_000_000, USAGE).size, 9 * 2 ** 20);
});

Deno.test("an old peak is forgotten", () => {
  const { pool, bytes } = counted();
  pool.releaseBuffer(pool.acquireBuffer(2 ** 23, USAGE));
  for (let i = 0; i < 2 ** 16; i++) {
    pool.releaseBuffer(pool.acquireBuffer(1024, USAGE));
  }
  assertEquals(bytes(), 1024);
});

Deno.test("repeated sizes create no buffers", () => {
  const { pool, created } = counted();
  const step = () => {
    for (let layer = 1; layer <= 6; layer++) {
      const buffers = [1, 2, 4].map((part) =>
        pool.acquireBuffer(part * 400_000 + layer * 1000, USAGE)
      );
      buffers.forEach((buffer) => pool.releaseBuffer(buffer));
    }
  };
  step();
  const before = created();
  for (let i = 0; i < 100; i++) step();
  assertEquals(created(), before);
});

Deno.test("without memory, the pool gives back what is free, and holds less later", () => {
  const { pool, alive, bytes } = counted();
  const used = pool.acquireBuffer(2 ** 22, USAGE);
  pool.releaseBuffer(pool.acquireBuffer(2 ** 21, USAGE));
  pool.beginCheck()();
  pool.relieve();
  assertEquals([...alive], [used]);
  pool.relieve();
  // 6 MiB were too much; 2.5 times as many would have been the limit.
  pool.releaseBuffer(pool.acquireBuffer(2 ** 20, USAGE));
  pool.releaseBuffer(pool.acquireBuffer(2 ** 19, USAGE));
  pool.acquireBuffer(2 ** 20 + 2 ** 19, USAGE);
  assertEquals(bytes(), 2 ** 22 + 2 ** 20 + 2 ** 20);
  assert(alive.has(used));
});

Deno.test("a pool that is disposed has no buffers, and ignores late releases", () => {
  const { pool, alive } = counted();
  const used = pool.acquireBuffer(64, USAGE);
  pool.releaseBuffer(pool.acquireBuffer(64, USAGE));
  pool.dispose();
  assertEquals(alive.size, 0);
  assertEquals([pool.numBytesUsed, pool.numBytesAllocated], [0, 0]);
  pool.releaseBuffer(used);
  assertEquals([pool.numBytesUsed, pool.numBytesAllocated], [0, 0]);
});

onWebGpu("tensors have their own number of values", async () => {
  // Their buffers held more, and other, values before.
  const others = tf.tidy(() =>
    [66, 67, 70].map((length) => tf.add(tf.range(0, length), 1))
  );
  await others.at(-1)!.data();
  tf.dispose(others);
  const values = Array.from({ length: 67 }, (_, i) => i % 2);
  const sums = tf.tidy(() => tf.add(tf.tensor1d(values), 1));
  const integers = tf.tidy(() =>
    tf.add(tf.tensor1d(values, "int32"), tf.scalar(1, "int32"))
  );
  const bools = tf.tidy(() => tf.logicalNot(tf.tensor1d(values, "bool")));
  const pair = tf.tidy(() =>
    tf.complex(tf.add(tf.ones([5]), 1), tf.add(tf.ones([5]), 2))
  );
  assertEquals([...await sums.data()], values.map((value) => value + 1));
  const read = await integers.data();
  assertEquals(read, Int32Array.from(values, (value) => value + 1));
  assertEquals(read.buffer.byteLength, 4 * 67);
  assertEquals(
    await bools.data(),
    Uint8Array.from(values, (value) => 1 - value),
  );
  assertEquals([...await pair.data()], [2, 3, 2, 3, 2, 3, 2, 3, 2, 3]);
  tf.dispose([sums, integers, bools, pair]);
});

onWebGpu("a tensor from a tensor's buffer has its values", async () => {
  const x = tf.tidy(() => tf.add(tf.range(0, 5), 1));
  const { buffer, tensorRef } = x.dataToGPU();
  const y = tf.tensor({ buffer: buffer! }, [5], "float32");
  const z = tf.tensor({ buffer: buffer!, zeroCopy: true }, [5], "float32");
  assertEquals([...await y.data()], [1, 2, 3, 4, 5]);
  assertEquals([...await z.data()], [1, 2, 3, 4, 5]);
  tf.dispose([x, y, z, tensorRef]);
});

onWebGpu(
  "tensors that are read at once have their own number of values",
  async (backend) => {
    const x = tf.tidy(() => tf.add(tf.range(0, 5), 1));
    const stock = Object.getPrototypeOf(Object.getPrototypeOf(backend));
    const { readSync } = stock;
    // Only browsers can; tfjs then returns all that the buffer holds.
    stock.readSync = () => Float32Array.of(1, 2, 3, 4, 5, 0, 0, 0);
    try {
      assertEquals([...x.dataSync()], [1, 2, 3, 4, 5]);
    } finally {
      stock.readSync = readSync;
    }
    assertEquals((await x.data()).length, 5);
    x.dispose();
  },
);

/** Attention of a length, forward and backward, with some operations of tfjs. */
async function attend(length: number): Promise<void> {
  const loss = tf.tidy(() => {
    const x = tf.ones<tf.Rank.R4>([8, 4, length, 32]);
    const gradient = tf.grad((v) =>
      tf.sum(tf.tanh(lionAttention(x, tf.mul(x, 0.1), v as tf.Tensor4D)))
    );
    return tf.sum(gradient(x));
  });
  assert(Number.isFinite((await loss.data())[0]));
  loss.dispose();
}

onWebGpu(
  "64 lengths take at most three times what one needs at most",
  async (backend) => {
    const pool = backend.bufferManager;
    const { acquireBuffer } = pool;
    let worst = 0;
    let most = 0;
    pool.acquireBuffer = (...request) => {
      const buffer = acquireBuffer.apply(pool, request);
      worst = Math.max(worst, pool.numBytesUsed);
      most = Math.max(most, pool.numBytesAllocated);
      return buffer;
    };
    try {
      for (let length = 64; length > 0; length--) {
        await attend(length);
      }
    } finally {
      pool.acquireBuffer = acquireBuffer;
    }
    assert(worst > 2 ** 20);
    assert(most <= 3 * worst, `${most} bytes for ${worst}`);
  },
);

onWebGpu(
  "a step whose shapes repeat creates no buffers",
  async ({ device }) => {
    for (let i = 0; i < 2; i++) await attend(32);
    const { createBuffer } = GPUDevice.prototype;
    let created = 0;
    device.createBuffer = (descriptor) => {
      created++;
      return createBuffer.call(device, descriptor);
    };
    try {
      for (let i = 0; i < 3; i++) await attend(32);
    } finally {
      Reflect.deleteProperty(device, "createBuffer");
    }
    assertEquals(created, 0);
  },
);
