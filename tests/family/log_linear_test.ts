/** What log-linear attention reads in steps beyond its last level. @module */
import * as tf from "@tensorflow/tfjs-core";
import { logLinearAttention } from "../../lib/family/mod.ts";
import { logLinearStep } from "../../lib/family/log_linear/log_linear_step.ts";
import { onEachBackend, TOLERANCE } from "../backends.ts";
import { assertNear } from "../comparison.ts";
import { inSteps } from "../subjects/pieces.ts";

onEachBackend(
  "logLinearStep() reads all that is too far for its levels at the last one",
  async (backend) => {
    const results = tf.tidy(() => {
      const random = (seed: number, columns: number): tf.Tensor4D =>
        tf.randomUniform([2, 2, 37, columns], -1, 1, "float32", seed);
      const q = random(1, 4), k = random(2, 4), v = random(3, 3);
      const logDecay = tf.squeeze(tf.neg(tf.abs(random(4, 1))), [3]);
      const levelScales = random(5, 3);
      const last = tf.slice(levelScales, [0, 0, 0, 2], [-1, -1, -1, 1]);
      // As many levels as 37 tokens have, of which the last ones are alike.
      const all = tf.concat([levelScales, tf.tile(last, [1, 1, 1, 4])], 3);
      const given = { q, k, v, logDecay };
      const steps = inSteps<Parameters<typeof logLinearStep>[0]>(
        undefined,
        [1, 1, 9, 1, 20, 5],
        { ...given, levelScales },
        (state, inputs) =>
          logLinearStep(
            state,
            inputs as Parameters<typeof logLinearStep>[1],
            undefined,
          ),
      );
      const whole = logLinearAttention({ ...given, levelScales: all }, {
        causal: true,
      });
      return [steps, whole];
    });
    const [ours, theirs] = await Promise.all(
      results.map((x) => x.data<"float32">()),
    );
    assertNear("y", ours!, theirs!, 2 * TOLERANCE[backend].forward);
    tf.dispose(results);
  },
);
