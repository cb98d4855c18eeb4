import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { GpuError, lionAttention, useBackend } from "../../../mod.ts";
import { train } from "../../../lib/training/mod.ts";
import {
  tinyBatch,
  tinyData,
  tinyModel,
  tinyOptions,
} from "../../training/tiny.ts";
import { onWebGpu } from "./on_webgpu.ts";

/** What happens to the device in each place where a program can be. */
const LOSSES: Record<string, (device: GPUDevice) => Promise<unknown>> = {
  "before a read": async (device) => {
    const y = tf.add(tf.ones([4]), 1);
    device.destroy();
    await y.data();
  },
  "while a read is under way": async (device) => {
    const reading = tf.add(tf.ones([4]), 1).data();
    device.destroy();
    await reading;
  },
  "a microtask after a read began": async (device) => {
    const reading = tf.add(tf.ones([4]), 1).data();
    await Promise.resolve();
    device.destroy();
    await reading;
  },
  "before an upload": async (device) => {
    device.destroy();
    await tf.add(tf.ones([4]), 1).data();
  },
  "between two operations": async (device) => {
    const x = tf.add(tf.ones([4]), 1);
    device.destroy();
    await tf.mul(tf.square(x), x).data();
  },
  "before a kernel of ours": async (device) => {
    const x = tf.add(tf.ones([1, 1, 64, 8]), 0) as tf.Tensor4D;
    device.destroy();
    await lionAttention(x, x, x).data();
  },
  "before a gradient": async (device) => {
    const gradient = tf.grad((x) => tf.sum(tf.square(x)));
    device.destroy();
    await gradient(tf.ones([4])).data();
  },
  "while something is timed": async (device) => {
    const x = tf.ones([4]);
    await tf.time(() => {
      tf.add(x, 1);
      device.destroy();
    });
  },
  "after a full batch of launches": async (device) => {
    let x = tf.add(tf.ones([4]), 1);
    device.destroy();
    // More than wait in one command buffer, so that some are submitted.
    for (let i = 0; i < 70; i++) x = tf.add(x, 1);
    await x.data();
  },
};

for (const [place, lose] of Object.entries(LOSSES)) {
  onWebGpu(
    `a device lost ${place} is a GpuError, and useBackend() cures it`,
    async ({ device }) => {
      tf.engine().startScope();
      await assertRejects(() => lose(device), GpuError, "device was lost");
      tf.engine().endScope();
      // At once: the device may not have said yet that it is lost.
      await useBackend({ prefer: ["webgpu"] });
      const y = tf.tidy(() => tf.add(tf.ones([2]), 1));
      assertEquals([...await y.data()], [2, 2]);
      y.dispose();
    },
  );
}

onWebGpu(
  "useBackend() right after a loss gives a working device",
  async ({ device }) => {
    device.destroy();
    await useBackend({ prefer: ["webgpu"] });
    const y = tf.tidy(() => tf.add(tf.ones([2]), 1));
    assertEquals([...await y.data()], [2, 2]);
    y.dispose();
  },
);

onWebGpu("a buffer that failed is not used again", async (backend) => {
  const { bufferManager: pool, device } = backend;
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
  const size = device.limits.maxBufferSize + 4;
  const free = pool.acquireBuffer(size, usage),
    used = pool.acquireBuffer(size, usage);
  pool.releaseBuffer(free);
  const sound = pool.acquireBuffer(1024, usage);
  const x = tf.tidy(() => tf.add(tf.ones([4]), 1));
  await assertRejects(() => x.data(), GpuError);
  pool.releaseBuffer(used);
  x.dispose();

  const again = [
    pool.acquireBuffer(size, usage),
    pool.acquireBuffer(size, usage),
  ];
  assert(!again.includes(free) && !again.includes(used));
  again.forEach((buffer) => pool.releaseBuffer(buffer));
  pool.releaseBuffer(sound);
  const y = tf.tidy(() => tf.add(tf.ones([4]), 1));
  await assertRejects(() => y.data(), GpuError);
  y.dispose();

  // A buffer that a read has vouched for goes on.
  const kept = pool.acquireBuffer(2048, usage);
  const z = tf.tidy(() => tf.add(tf.ones([4]), 1));
  assertEquals([...await z.data()], [2, 2, 2, 2]);
  z.dispose();
  pool.releaseBuffer(kept);
  const reused = pool.acquireBuffer(2048, usage);
  assert(reused === kept);
  pool.releaseBuffer(reused);
});

onWebGpu(
  "a failure that comes before its buffer condemns it, too",
  async (backend) => {
    const { bufferManager: pool, device } = backend;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
    const { createBuffer } = GPUDevice.prototype;
    // As Dawn does in Deno, within the call.
    device.createBuffer = (descriptor) => {
      const error = new GPUValidationError("[Buffer (unlabeled)] is invalid.");
      const failure = new Event("uncapturederror");
      device.dispatchEvent(Object.assign(failure, { error }));
      return createBuffer.call(device, descriptor);
    };
    const failed = pool.acquireBuffer(3000, usage);
    Reflect.deleteProperty(device, "createBuffer");
    pool.releaseBuffer(failed);
    const x = tf.tidy(() => tf.add(tf.ones([4]), 1));
    await assertRejects(() => x.data(), GpuError, "(unlabeled)] is invalid");
    x.dispose();
    const next = pool.acquireBuffer(3000, usage);
    assert(next !== failed);
    pool.releaseBuffer(next);
  },
);

onWebGpu(
  "values that were never on the GPU do not vouch for what is",
  async (backend) => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
    const { bufferManager: pool, device } = backend;
    const y = tf.tidy(() => tf.add(tf.ones([4]), 1));
    pool.releaseBuffer(
      pool.acquireBuffer(device.limits.maxBufferSize + 4, usage),
    );
    const z = tf.tidy(() => tf.add(y, 1));
    const host = tf.tensor1d([1]);
    assertEquals([...await host.data()], [1]);
    await assertRejects(() => z.data(), GpuError);
    tf.dispose([y, z, host]);
  },
);

onWebGpu(
  "a device that is lost refuses launches by name",
  async ({ device }) => {
    const x = tf.add(tf.ones([4]), 1);
    device.destroy();
    await device.lost;
    const error = assertThrows(() => tf.add(x, 1), GpuError, "was lost");
    assertEquals(error.name, "GpuError");
    x.dispose();
  },
);

onWebGpu(
  "a device lost in training ends it with a GpuError",
  async ({ device }) => {
    const model = tinyModel();
    const data = tinyData((position) => {
      if (position === 3) device.destroy();
      return tinyBatch(position);
    });
    await assertRejects(() => train(model, data, tinyOptions()), GpuError);
    await useBackend({ prefer: ["webgpu"] });
    const options = tinyOptions({ steps: 4 });
    const result = await train(tinyModel(), tinyData(), options);
    assert(Number.isFinite(result.losses.at(-1)));
  },
);
