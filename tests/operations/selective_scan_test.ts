/** Where the selective scan has its kernel, and of no tokens; tests/subjects has the rest. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { selectiveScan } from "../../lib/operations/mod.ts";
import { SELECTIVE_SCAN } from "../../lib/operations/selective_scan/selective_scan.ts";
import { onEachBackend } from "../backends.ts";
import { kernelsCalled } from "../kernels/called.ts";
import { withLimits } from "../kernels/webgpu/with_limits.ts";
import { SCAN } from "../subjects/selective_scan.ts";
import { failuresOf } from "../subjects/subject.ts";

onEachBackend(
  "selectiveScan() is made of tfjs operations where the kernel's buffers would be too large",
  async (backend) => {
    const c = {
      ...{ batch: 1, length: 9, channels: 4, stateDim: 1 },
      ...{ reverse: false, gated: false },
    };
    // 16 bytes for each of the 36 numbers of x.
    for (const [missing, isKernel] of [[0, true], [4, false]] as const) {
      const limits = { maxStorageBufferBindingSize: 16 * 36 - missing };
      const called = await kernelsCalled(async () => {
        const run = () => failuresOf(SCAN, c, backend);
        assertEquals(await withLimits(limits, run), []);
      });
      assertEquals(called.includes(SELECTIVE_SCAN.kernel), isKernel);
    }
  },
  ["webgpu"],
);

onEachBackend("selectiveScan() of no tokens has none, and no gradients", () => {
  tf.tidy(() => {
    const x = tf.zeros<tf.Rank.R3>([2, 0, 3]);
    const b = tf.zeros<tf.Rank.R3>([2, 0, 4]);
    const a = tf.ones<tf.Rank.R2>([3, 4]);
    for (const segments of [undefined, tf.zeros([2, 0], "int32")]) {
      const y = selectiveScan({ x, dt: x, a, b, c: b, z: x }, { segments });
      assertEquals(y.shape, [2, 0, 3]);
    }
  });
});
