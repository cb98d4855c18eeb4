/** Problems of the delta rule that take several passes, workgroups or rounds of threads. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { planTransition } from "../../../lib/kernels/webgpu/transition/transition_plan.ts";
import { onEachBackend } from "../../backends.ts";
import { DELTA, type DeltaCase } from "../../subjects/delta.ts";
import { failuresOf } from "../../subjects/subject.ts";
import { withLimits } from "./with_limits.ts";

onEachBackend(
  "the delta rule's kernel takes passes where records fit no buffer together",
  async (backend) => {
    const c: DeltaCase = {
      ...{ batch: 2, heads: 3, length: 40, decay: "two-sided of channels" },
      ...{ causal: false, padded: true, packed: true },
    };
    const problem = DELTA.problemOf(c);
    const limits = { maxStorageBufferBindingSize: 70_000 };
    const wrong = await withLimits(limits, () => {
      const { device } = tf.backend() as unknown as { device: GPUDevice };
      const plan = planTransition(
        {
          ...{ ...problem, reads: "delta", steps: 1, diagonal: true },
          chunkSize: undefined,
        },
        device.limits,
        { delta: { chunkSize: 32 }, channels: { chunkSize: 32 } },
      );
      // Six sequences, two at once.
      assertEquals("how" in plan && plan.how, "webgpu, 20 launches");
      return failuresOf(DELTA, c, backend);
    });
    assertEquals(wrong, []);
  },
  ["webgpu"],
);

const SIZES = [
  // Values that several workgroups share.
  { length: 11, headDim: 8, valueDim: 40 },
  // Keys of which a state has few columns in a workgroup's memory.
  { length: 3, headDim: 160, valueDim: 20 },
] as const;

onEachBackend(
  "the delta rule's kernel computes heads of all sizes",
  async (backend) => {
    const failures: string[] = [];
    for (const sizes of SIZES) {
      const c: DeltaCase = {
        ...{ batch: 1, heads: 1, ...sizes, decay: "two-sided" },
        ...{ causal: false, padded: true },
      };
      const way = { chunkSize: 2 };
      failures.push(...await failuresOf(DELTA, c, backend, way));
    }
    assertEquals(failures, []);
  },
  ["webgpu"],
);
