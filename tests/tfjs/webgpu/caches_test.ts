/** What launches share: bind groups, contents of buffers, and buffers in use by commands that wait. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { BindGroups } from "../../../lib/tfjs/webgpu/bind_groups.ts";
import type { StrictWebGPUBackend } from "../../../lib/tfjs/webgpu/gpu_backend.ts";
import { GpuBuffers } from "../../../lib/tfjs/webgpu/gpu_buffers.ts";
import { HeldValues } from "../../../lib/tfjs/webgpu/held_values.ts";
import { RecentCache } from "../../../lib/tfjs/webgpu/recent_cache.ts";
import { GpuError, useBackend } from "../../../mod.ts";
import { onWebGpu } from "./on_webgpu.ts";

const USAGE = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;

/** A device that only counts. */
function counted() {
  const alive = new Set<GPUBuffer>();
  const written: GPUBuffer[] = [];
  let groups = 0;
  const device = {
    createBuffer({ size, usage }: GPUBufferDescriptor) {
      const destroy = () => alive.delete(buffer);
      const buffer = { size, usage, destroy } as unknown as GPUBuffer;
      alive.add(buffer);
      return buffer;
    },
    createBindGroup: () => ({ group: ++groups }) as unknown as GPUBindGroup,
    limits: { maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 2 ** 28 },
  } as unknown as GPUDevice;
  const queue = {
    writeBuffer: (buffer: GPUBuffer) => void written.push(buffer),
  };
  return { device, queue, alive, written, groups: () => groups };
}

const compiled = () => ({
  pipeline: {} as GPUComputePipeline,
  layout: {} as GPUBindGroupLayout,
});

Deno.test("a cache holds what was used of late, and at most twice its size", () => {
  const dropped: string[] = [];
  const cache = new RecentCache<number>(3, (_, key) => dropped.push(key));
  for (let i = 0; i < 10; i++) {
    cache.set(`${i}`, i);
    assertEquals(cache.get("0"), 0);
    assert(cache.size <= 6);
  }
  assert(!dropped.includes("0") && dropped.includes("1"), dropped.join());
  assertEquals([cache.get("9"), cache.get("1")], [9, undefined]);
  cache.delete("9");
  assertEquals(cache.get("9"), undefined);
  const { size } = cache, before = dropped.length;
  cache.clear();
  assertEquals([cache.size, dropped.length - before], [0, size]);
});

Deno.test("a bind group is that of its pipeline and buffers, and ends with one of them", () => {
  const { device, groups } = counted();
  const cache = new BindGroups(device, () => {});
  const [a, b] = [compiled(), compiled()];
  const [x, y] = [1, 2].map((size) =>
    device.createBuffer({ size, usage: USAGE })
  );
  const groupOf = (of: typeof a, ...buffers: GPUBuffer[]) =>
    cache.groupOf(of, buffers, "");
  const first = groupOf(a, x!, y!);
  assert(groupOf(a, x!, y!) === first);
  const others = [groupOf(a, y!, x!), groupOf(b, x!, y!), groupOf(a, x!)];
  assertEquals(new Set([first, ...others]).size, 4);
  cache.forget(y!);
  assertEquals(cache.size, 1);
  assert(groupOf(a, x!) === others[2]);
  assert(groupOf(a, x!, y!) !== first);
  // A buffer that is bound twice.
  groupOf(b, y!, y!);
  cache.forget(y!);
  assertEquals([cache.size, groups()], [1, 6]);
  for (let i = 0; i < 40_000; i++) groupOf(compiled(), x!);
  assert(cache.size < 16_384, `${cache.size}`);
  cache.clear();
  assertEquals(cache.size, 0);
});

Deno.test("a content has its own buffer once it comes in step after step", () => {
  const { device, queue, written } = counted();
  const pool = new GpuBuffers(device);
  let launches = 0;
  const { UNIFORM } = GPUBufferUsage;
  const held = new HeldValues(queue, pool, UNIFORM, () => launches);
  const one = Uint16Array.of(1, 0), two = Uint16Array.of(2, 0);
  // A step's own numbers come before and after a submission; labels, now and then.
  for (launches of [0, 1, 500, 600, 3000, 5000, 9000, 9600, 9800]) {
    assertEquals(held.bufferOf(one), undefined);
    pool.submitted();
  }
  launches = 10_200;
  const buffer = held.bufferOf(one);
  assert(buffer && held.bufferOf(Uint16Array.of(1, 0)) === buffer);
  assertEquals(held.bufferOf(two), undefined);
  assertEquals(held.bufferOf(new Uint16Array(0)), undefined);
  assertEquals(held.bufferOf(new Uint16Array(4096)), undefined);
  assertEquals(written, [buffer]);
  // What does not come any more is let go, for others.
  for (launches of [11_000, 13_000]) assert(held.bufferOf(one) === buffer);
  for (launches of [16_000, 19_000]) {
    assertEquals(held.bufferOf(two), undefined);
  }
  assertEquals([pool.isHeld(buffer), pool.getNumFreeBuffers()], [false, 1]);
  for (launches of [19_600, 20_200]) held.bufferOf(two);
  assert(held.bufferOf(two) === buffer);
  // Who has it keeps it, whatever is forgotten.
  pool.share(buffer);
  held.clear();
  assertEquals([pool.isHeld(buffer), pool.getNumFreeBuffers()], [true, 0]);
  pool.releaseBuffer(buffer);
  assertEquals([pool.isHeld(buffer), pool.getNumFreeBuffers()], [false, 1]);
});

Deno.test("waiting commands keep their buffers from the host, and from their end", () => {
  const { device, alive } = counted();
  const destroyed: GPUBuffer[] = [];
  const pool = new GpuBuffers(device, (buffer) => destroyed.push(buffer));
  const first = pool.acquireBuffer(64, USAGE);
  pool.commandsWait = true;
  pool.releaseBuffer(first);
  const idle = pool.acquireIdle(64, USAGE);
  assert(idle !== first);
  // The next commands come after these.
  assert(pool.acquireBuffer(64, USAGE) === first);
  pool.releaseBuffer(first, false);
  assert(destroyed.includes(first) && alive.has(first));
  pool.submitted();
  assert(!alive.has(first));
  pool.releaseBuffer(idle);
  assert(pool.acquireIdle(64, USAGE) === idle);
});

Deno.test("of the free buffers of a kind, the oldest is given out", () => {
  const pool = new GpuBuffers(counted().device);
  const buffers = [1, 2, 3, 4].map(() => pool.acquireBuffer(64, USAGE));
  for (const place of [2, 0, 3, 1]) pool.releaseBuffer(buffers[place]!);
  const again = buffers.map(() => pool.acquireBuffer(64, USAGE));
  assert(again.every((buffer, i) => buffer === buffers[i]));
});

onWebGpu(
  "constants share a buffer until one of them is written",
  async (backend) => {
    const constants = [1, 2, 3].map(() => tf.tensor1d([3, 4]));
    const resourceOf = ({ dataId }: tf.Tensor) => {
      backend.uploadToGPU(dataId as { id: number });
      return backend.tensorMap.get(dataId).resource;
    };
    resourceOf(constants[0]!);
    tf.dispose(tf.add(constants[0]!, 1));
    await constants[0]!.data();
    for (let step = 0; step < 3; step++) {
      tf.dispose(constants.shift());
      constants.push(tf.tensor1d([3, 4]));
      backend.launches.count += 1000;
      resourceOf(constants[0]!);
    }
    const [, shared, other] = constants.map(resourceOf);
    assert(shared === other);
    backend.places.ownBuffer(constants[1]!.dataId);
    assert(resourceOf(constants[1]!) !== other);
    assertEquals([...await constants[1]!.data()], [3, 4]);
    const weight = tf.tidy(() => tf.variable(constants[2]!));
    const gradient = tf.tensor1d([1, 1]), sgd = tf.train.sgd(1);
    sgd.applyGradients({ [weight.name]: gradient });
    assertEquals([...await weight.data()], [2, 3]);
    assertEquals([...await constants[2]!.data()], [3, 4]);
    sgd.applyGradients({ [weight.name]: gradient });
    assertEquals([...await weight.data()], [1, 2]);
    tf.dispose([...constants, weight, gradient]);
    sgd.dispose();
  },
);

onWebGpu("what the host writes does not reach launches before it", async () => {
  const xs: tf.Tensor[] = [], ys: tf.Tensor[] = [];
  for (let i = 0; i < 60; i++) {
    // The buffer is free at once, and the launch waits.
    const x = tf.fill([100], i), host = tf.tensor1d(Array(100).fill(i));
    xs.push(tf.add(x, host));
    ys.push(tf.mul(host, 1 + i % 2));
    tf.dispose([x, host]);
  }
  const values = await Promise.all([...xs, ...ys].map((y) => y.data()));
  for (const [i, value] of values.entries()) {
    const of = i % 60, expected = i < 60 ? 2 * of : of * (1 + of % 2);
    assert(value.every((x) => x === expected), `${i}: ${value[0]}`);
  }
  tf.dispose([...xs, ...ys]);
});

onWebGpu(
  "a weight that was changed after a failure raises",
  async (backend) => {
    const weight = tf.tidy(() => tf.variable(tf.tensor1d([1, 2])));
    const gradient = tf.tensor1d([1, 1]), sgd = tf.train.sgd(1);
    sgd.applyGradients({ [weight.name]: gradient });
    assertEquals([...await weight.data()], [0, 1]);
    // A text that does not compile.
    backend.device.createShaderModule({ code: "fn broken(" });
    sgd.applyGradients({ [weight.name]: gradient });
    await assertRejects(() => weight.data(), GpuError);
    tf.dispose([weight, gradient]);
    sgd.dispose();
  },
);

onWebGpu(
  "launches after a failure make their bind groups anew",
  async (backend) => {
    const x = tf.tensor1d([1, 2, 3]);
    const doubled = async () => {
      const y = tf.mul(x, 2);
      const values = await y.data();
      y.dispose();
      return [...values];
    };
    for (let i = 0; i < 4; i++) assertEquals(await doubled(), [2, 4, 6]);
    assert(backend.launches.bindGroups.size > 0);
    backend.device.createShaderModule({ code: "fn broken(" });
    await assertRejects(doubled, GpuError);
    assertEquals(await doubled(), [2, 4, 6]);
    x.dispose();
    await useBackend({ prefer: ["webgpu"] });
    assert((tf.backend() as StrictWebGPUBackend) === backend);
  },
);

onWebGpu("uploads before a submission take few buffers", async (backend) => {
  const flag = "WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE";
  const before = tf.env().getNumber(flag);
  tf.env().set(flag, 512);
  const allocated = backend.buffers.numBytesAllocated;
  const size = 2 ** 18, host = new Float32Array(size);
  const sums: tf.Tensor[] = [];
  for (let i = 0; i < 60; i++) {
    const x = tf.tensor1d(host.fill(i).slice());
    sums.push(tf.max(x));
    x.dispose();
  }
  assert(backend.buffers.numBytesAllocated - allocated < 10 * 4 * size);
  const maxima = await Promise.all(sums.map((sum) => sum.data()));
  assertEquals(maxima.map(([x]) => x), maxima.map((_, i) => i));
  tf.dispose(sums);
  tf.env().set(flag, before);
});

onWebGpu(
  "a weight that changes while it is read is not the old one later",
  async () => {
    const weight = tf.tidy(() => tf.variable(tf.tensor1d([1, 2])));
    const gradient = tf.tensor1d([1, 1]), sgd = tf.train.sgd(1);
    const step = () => sgd.applyGradients({ [weight.name]: gradient });
    step();
    const reading = weight.data();
    step();
    assertEquals([...await reading], [0, 1]);
    assertEquals([...await weight.data()], [-1, 0]);
    step();
    assertEquals([...await weight.data()], [-2, -1]);
    tf.dispose([weight, gradient]);
    sgd.dispose();
  },
);

onWebGpu("a buffer of the user's is not written", async (backend) => {
  const { device } = backend;
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC |
    GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ size: 16, usage });
  device.queue.writeBuffer(buffer, 0, Float32Array.of(1, 2, 3, 4));
  const given = () => tf.tensor({ buffer, zeroCopy: true }, [4], "float32");
  const weight = tf.tidy(() => tf.variable(given()));
  const gradient = tf.tensor1d([1, 1, 1, 1]), sgd = tf.train.sgd(1);
  sgd.applyGradients({ [weight.name]: gradient });
  const again = given();
  assertEquals([...await again.data()], [1, 2, 3, 4]);
  assertEquals([...await weight.data()], [0, 1, 2, 3]);
  sgd.applyGradients({ [weight.name]: gradient });
  assertEquals([...await weight.data()], [-1, 0, 1, 2]);
  tf.dispose([weight, gradient, again]);
  sgd.dispose();
  buffer.destroy();
  // A canvas's texture stays, which is what a program draws on.
  const size = [1, 1], format = "rgba8unorm" as const;
  const texture = device.createTexture({
    ...{ size, format },
    usage: GPUTextureUsage.STORAGE_BINDING,
  });
  const drawn = tf.zeros([1, 1, 4]);
  const data = backend.tensorMap.get(drawn.dataId);
  Object.assign(data, { resource: texture, external: true });
  backend.places.ownBuffer(drawn.dataId);
  assert(data.resource === texture);
  drawn.dispose();
  texture.destroy();
});

onWebGpu("a video's picture is read before it ends", async (backend) => {
  const { device } = backend;
  const x = tf.tensor1d([1, 2]), picture = tf.tensor1d([0, 0]);
  tf.dispose(tf.add(x, x));
  await x.data();
  const { resource } = backend.tensorMap.get(x.dataId);
  // Deno has no videos: what stands for one is bound as a buffer.
  const video = {} as GPUExternalTexture;
  Object.assign(backend.tensorMap.get(picture.dataId), { resource: video });
  const create = device.createBindGroup.bind(device);
  device.createBindGroup = (descriptor) => {
    const entries = [...descriptor.entries].map((entry) =>
      entry.resource === video
        ? { ...entry, resource: { buffer: resource as GPUBuffer } }
        : entry
    );
    return create({ ...descriptor, entries });
  };
  const y = tf.tile(picture, [2]);
  device.createBindGroup = create;
  assert(!backend.buffers.commandsWait);
  assertEquals([...await y.data()], [1, 2, 1, 2]);
  tf.dispose([x, picture, y]);
});
