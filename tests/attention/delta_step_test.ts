/** What a step of the delta rule keeps and refuses; pieces are in tests/subjects. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { deltaAttention, deltaStep, fixedDecay } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { assertNear } from "../comparison.ts";
import { array, uniform } from "../random.ts";

onEachBackend(
  "deltaStep() as one kernel equals its operations, the states' gradients too",
  async () => {
    const random = uniform(3);
    const batch = 2, heads = 2, headDim = 5;
    for (const [length, valueDim] of [[1, 3], [24, 4], [50, 19]] as const) {
      const of = (...columns: number[]) => {
        const shape = [batch, heads, ...columns];
        return tf.tensor(array(tf.util.sizeFromShape(shape), random), shape);
      };
      const q = of(length, headDim), k = of(length, headDim);
      const unit = tf.tidy(() => tf.div(k, tf.norm(k, 2, 3, true)));
      const beta = tf.tidy(() => tf.add(1, of(length)));
      for (const columns of [[], [headDim]]) {
        const gate = tf.tidy(() => tf.neg(tf.abs(of(length, ...columns))));
        const inputs = [
          ...[q, unit, of(length, valueDim), beta, gate],
          of(headDim, valueDim),
        ];
        const slopes = [of(length, valueDim), of(headDim, valueDim)];
        const [ours, plain] = [true, false].map((kernel) => {
          const called: string[] = [];
          const { runKernel } = tf.engine();
          tf.engine().runKernel = (name, ...rest) => {
            called.push(name);
            return runKernel.call(tf.engine(), name, ...rest) as never;
          };
          const { value, grads } = tf.valueAndGrads((...args: tf.Tensor[]) => {
            const [q, k, v, , logDecay, state] = args as tf.Tensor4D[];
            const step = deltaStep(state!, {
              ...{ q: q!, k: k!, v: v!, logDecay: logDecay! },
              beta: args[3] as tf.Tensor3D,
            }, { kernel });
            const loss = [step.y, step.state]
              .map((x, i) => tf.sum(tf.mul(x, slopes[i]!)));
            return tf.add(loss[0]!, loss[1]!) as tf.Scalar;
          })(inputs);
          tf.engine().runKernel = runKernel;
          assertEquals(
            called.filter((name) => name.startsWith("LionDelta")),
            kernel ? ["LionDeltaWithState", "LionDeltaWithStateGrad"] : [],
          );
          return [value, ...grads];
        });
        for (const [i, x] of ours!.entries()) {
          const [got, wanted] = [await x.data(), await plain![i]!.data()];
          const name = `output ${i} of ${length} tokens`;
          assertNear(name, got as Float32Array, wanted as Float32Array, 2e-5);
        }
        const [, , v, , , state] = inputs;
        tf.dispose([ours!, plain!, gate, v!, state!, slopes]);
      }
      tf.dispose([q, k, unit, beta]);
    }
  },
  ["webgpu", "wasm"],
);

onEachBackend(
  "deltaStep() takes a decay of each head, integers, and leaves its state",
  async () => {
    const x = tf.tensor4d([1, 0, 0, 1, 1, 0, 0, 1], [1, 2, 2, 2], "int32");
    const beta: tf.Tensor3D = tf.ones([1, 2, 2], "bool");
    const logDecay = tf.tensor1d([-0.5, -Infinity]);
    const inputs = { q: x, k: x, v: x, beta };
    const held = tf.memory().numTensors;
    const first = deltaStep(null, { ...inputs, logDecay });
    assertEquals(tf.memory().numTensors, held + 2);
    const kept = await first.state.data();
    const again = deltaStep(first.state, { ...inputs, logDecay });
    assertEquals(await first.state.data(), kept);
    const y = await tf.tidy(() => {
      const twice = (x: tf.Tensor) => tf.concat([x, x], 2);
      return deltaAttention(
        ...[x, x, x].map(twice) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D],
        twice(beta) as tf.Tensor3D,
        { decay: fixedDecay(logDecay), causal: true, form: "recurrent" },
      );
    });
    const both = tf.concat([first.y, again.y], 2);
    assertEquals([...await both.data()], [...await y.data()]);
    const states = [first.y, first.state, again.y, again.state];
    tf.dispose([x, beta, logDecay, y, both, ...states]);
  },
  ["cpu"],
);
