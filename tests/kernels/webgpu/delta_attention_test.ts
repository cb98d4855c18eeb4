/** Problems of the delta rule that take several passes, workgroups or rounds of threads. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { planDeltaKernel } from "../../../lib/kernels/webgpu/delta/delta_plan.ts";
import {
  type DeltaCase,
  describe,
  problemOf,
  run,
} from "../../attention/delta_cases.ts";
import { onEachBackend, TOLERANCE } from "../../backends.ts";
import { differences } from "../../comparison.ts";
import { solveDelta } from "../../delta_oracle.ts";
import { withLimits } from "./with_limits.ts";

onEachBackend(
  "the delta rule's kernel takes passes where records fit no buffer together",
  async (backend) => {
    const c: DeltaCase = {
      ...{ batch: 2, heads: 3, length: 40, headDim: 6, valueDim: 5 },
      ...{ gate: "two-sided diagonal", causal: false },
      ...{ padded: true, packed: true },
    };
    const problem = problemOf(c);
    const limits = { maxStorageBufferBindingSize: 100_000 };
    const actual = await withLimits(limits, () => {
      const { device } = tf.backend() as unknown as { device: GPUDevice };
      const plan = planDeltaKernel(
        { ...problem, diagonal: true, chunkSize: undefined },
        device.limits,
        { chunkSize: 32 },
      );
      // Six sequences, two at once.
      assertEquals("how" in plan && plan.how, "webgpu, 27 launches");
      return run(problem, {});
    });
    assertEquals(
      differences(problem, actual, solveDelta(problem), TOLERANCE[backend]),
      [],
    );
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
        ...{ batch: 1, heads: 1, ...sizes },
        ...{ gate: "two-sided", causal: false, padded: true, packed: false },
      };
      const problem = problemOf(c);
      const actual = await run(problem, { chunkSize: 2 });
      const expected = solveDelta(problem);
      failures.push(
        ...differences(problem, actual, expected, TOLERANCE[backend])
          .map((line) => `${describe(c)} d=${c.headDim}: ${line}`),
      );
    }
    assertEquals(failures, []);
  },
  ["webgpu"],
);
