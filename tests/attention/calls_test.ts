/** Every function of tensors: where nothing is given, and of one token. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { sampleForms } from "../sample.ts";
import { type Call, CALLS, SIZES } from "./calls.ts";

type Sizes = Readonly<Record<string, number>>;

/** Inputs below 0, as log decays are; time steps, which only make some of them, are above. */
function inputsOf({ axes }: Call, sizes: Sizes): tf.NamedTensorMap {
  const random = uniform(7);
  return Object.fromEntries(
    Object.entries(axes).map(([name, axes]) => {
      const shape = axes.map((axis) => sizes[axis]!);
      const size = shape.reduce((product, size) => product * size, 1);
      const values = array(size, random, (u) => -0.1 - 0.9 * u);
      const x = tf.tensor(values, shape);
      return [name, name === "dt" ? tf.neg(x) : x];
    }),
  );
}

const axesOf = ({ axes }: Call) => [...new Set(Object.values(axes).flat())];

onEachBackend("an axis of 0 is an error that names the input", () => {
  for (const [name, call] of Object.entries(CALLS)) {
    for (const axis of axesOf(call)) {
      tf.tidy(() => {
        const sizes = { ...SIZES, [axis]: 0 };
        const where = `${name}, ${axis} 0`;
        let outputs: tf.Tensor[];
        try {
          const result = call.run(inputsOf(call, sizes));
          outputs = result instanceof tf.Tensor
            ? [result]
            : Object.values(result);
        } catch (error) {
          const { message } = error as Error;
          assert(
            error instanceof RangeError || error instanceof TypeError,
            `${where}: ${error}`,
          );
          const says =
            /(^|[' ])([a-zA-Z.]+) should (not be empty|be a positive integer|have)/
              .exec(message)?.[2];
          const names = [...Object.keys(call.axes), "length", "state.sum", "r"];
          assert(names.includes(says!), `${where}: ${message}`);
          return;
        }
        // Of no rows, or of rows of no numbers.
        assert(call.ofRows, `${where} gives [${outputs[0]!.shape}]`);
        for (const { size } of outputs) assertEquals(size, 0, where);
      });
    }
  }
});

onEachBackend("an input that was disposed of is an error that names it", () => {
  for (const [name, call] of Object.entries(CALLS)) {
    for (const which of Object.keys(call.axes)) {
      tf.tidy(() => {
        const inputs = inputsOf(call, SIZES);
        inputs[which]!.dispose();
        const { message } = assertThrows(
          () => call.run(inputs),
          TypeError,
          "disposed of",
        );
        const says = /^(?:.*[' ])?([a-zA-Z.]+) should be a tensor/.exec(
          message,
        );
        const names = [which, `state.${which}`];
        assert(
          names.includes(says?.[1] ?? ""),
          `${name}, ${which}: ${message}`,
        );
      });
    }
  }
}, ["cpu"]);

/** The sum of outputs times fixed numbers: a scalar to differentiate. */
function sumOf(call: Call, inputs: tf.NamedTensorMap): tf.Scalar {
  const result = call.run(inputs);
  const outputs = result instanceof tf.Tensor
    ? [result]
    : Object.values(result);
  return tf.addN(outputs.map((y) => {
    const weights = array(y.size, uniform(3), (u) => 2 * u - 1);
    return tf.sum(tf.mul(y, tf.reshape(tf.tensor1d(weights), y.shape)));
  })) as tf.Scalar;
}

onEachBackend("one token has a gradient of every input", async (backend) => {
  const STEP = 1e-2;
  const sizes = { ...SIZES, length: 1 };
  const chosen = sampleForms(
    backend,
    Object.entries(CALLS),
    ([name]) => name.includes("kernel false"),
  );
  for (const [name, call] of chosen) {
    const names = Object.keys(call.axes);
    const differences = tf.tidy(() => {
      const inputs = inputsOf(call, sizes);
      const of = (...given: tf.Tensor[]) =>
        sumOf(call, Object.fromEntries(names.map((n, i) => [n, given[i]!])));
      const gradients = tf.grads(of)(Object.values(inputs));
      return tf.stack(names.map((name, i) => {
        const x = inputs[name]!;
        const way = tf.tensor(
          array(x.size, uniform(5), (u) => 2 * u - 1),
          x.shape,
        );
        const at = (by: number) =>
          sumOf(call, { ...inputs, [name]: tf.add(x, tf.mul(way, by)) });
        const slope = tf.div(tf.sub(at(STEP), at(-STEP)), 2 * STEP);
        return tf.sub(tf.sum(tf.mul(gradients[i]!, way)), slope);
      }));
    });
    const values = await differences.data();
    differences.dispose();
    values.forEach((difference, i) =>
      assert(
        Math.abs(difference) < 2e-2,
        `${name}, gradient of ${names[i]}: off by ${difference}`,
      )
    );
  }
});
