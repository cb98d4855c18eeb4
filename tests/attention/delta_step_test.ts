/** What a step of the delta rule keeps and refuses; pieces are in tests/subjects. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { deltaAttention, deltaStep, fixedDecay } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { kernelsCalled } from "../kernels/called.ts";

onEachBackend(
  "deltaStep() is one kernel, and its gradient another",
  async () => {
    tf.engine().startScope();
    for (const [length, columns] of [[1, []], [24, []], [50, [5]]] as const) {
      const q = tf.ones([2, 2, length, 5]), v = tf.ones([2, 2, length, 3]);
      const beta = tf.ones([2, 2, length]);
      const logDecay = tf.fill([2, 2, length, ...columns], -0.5);
      for (const kernel of [true, false]) {
        const gradients = tf.grads((v, state) => {
          const input = { q, k: q, v: v!, beta, logDecay };
          const step = deltaStep(state!, input, { kernel });
          return tf.add(tf.sum(step.y), tf.sum(step.state)) as tf.Scalar;
        });
        const inputs = [v, tf.ones([2, 2, 5, 3])];
        const called = await kernelsCalled(() => gradients(inputs));
        assertEquals(
          called.filter((name) => name.startsWith("LionTransition")),
          kernel
            ? ["LionTransitionWithState", "LionTransitionWithStateGrad"]
            : [],
        );
      }
    }
    tf.engine().endScope();
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
