/** Second derivatives of whole models. @module */
import { assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { replayed } from "../../lib/tfjs/mod.ts";
import { Adam, crossEntropy } from "../../lib/training/mod.ts";
import { lionEncoder, lionViT } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";

const loss = crossEntropy();

/** The product of a loss's Hessian in the weights with a vector. */
const hessianTimes = (compute: () => tf.Scalar, us: tf.NamedTensorMap) =>
  tf.tidy(() =>
    tf.variableGrads(() => {
      const { grads } = tf.variableGrads(compute);
      return dotOf(grads, us);
    }).grads
  );

const dotOf = (x: tf.NamedTensorMap, y: tf.NamedTensorMap): tf.Scalar =>
  tf.addN(
    Object.keys(y).map((name) => tf.sum(tf.mul(x[name]!, y[name]!))),
  ) as tf.Scalar;

const read = async (tensors: tf.NamedTensorMap) => {
  const values = await Promise.all(
    Object.values(tensors).map((x) => x.data()),
  );
  tf.dispose(tensors);
  return values.flatMap((x) => [...x]);
};

const largest = (x: readonly number[]) => Math.max(...x.map(Math.abs));

for (const gradientCheckpointing of [false, true]) {
  const how = gradientCheckpointing ? " that is computed again" : "";
  onEachBackend(
    `a product with the Hessian of an encoder${how} is a difference of gradients`,
    async () => {
      const model = lionEncoder({
        ...{ vocabularySize: 9, dim: 8, depth: 2, numHeads: 2 },
        ...{ numClasses: 3, variant: "s", gradientCheckpointing },
      });
      const ids = tf.tensor2d(
        [[1, 2, 3, 4, 5], [3, 4, 5, 0, 0]],
        [2, 5],
        "int32",
      );
      const mask = tf.tensor2d([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]);
      const labels = tf.tensor1d([0, 2], "int32");
      const compute = () =>
        loss(model.apply([ids, mask]) as tf.Tensor, labels) as tf.Scalar;
      const first = tf.tidy(() => tf.variableGrads(compute).grads);
      const names = Object.keys(first);
      tf.dispose(first);
      const variables = tf.engine().registeredVariables;
      const us: tf.NamedTensorMap = {};
      // Embeddings begin near 0, where the norm behind them bends the most.
      names.forEach((name, i) =>
        us[name] = tf.tidy(() => {
          const w = variables[name]!;
          const parts = tf.randomNormal(w.shape, 0, 1, "float32", i);
          return tf.mul(tf.add(tf.abs(w), 0.01), parts);
        })
      );
      const product = await read(hessianTimes(compute, us));
      const moved = async (step: number) => {
        const before = names.map((name) => tf.clone(variables[name]!));
        names.forEach((name) =>
          tf.tidy(() =>
            variables[name]!.assign(
              tf.add(variables[name]!, tf.mul(us[name]!, step)),
            )
          )
        );
        const gradients = await read(
          tf.tidy(() => tf.variableGrads(compute).grads),
        );
        names.forEach((name, i) => variables[name]!.assign(before[i]!));
        tf.dispose(before);
        return gradients;
      };
      const step = 5e-3;
      const [a, b, c, d] = [
        await moved(-2 * step),
        await moved(-step),
        await moved(step),
        await moved(2 * step),
      ];
      const errors = product.map((value, i) =>
        value -
        (8 * (c[i]! - b[i]!) - (d[i]! - a[i]!)) / (12 * step)
      );
      assertLess(largest(errors), 1e-3 * largest(product));
      tf.dispose([ids, mask, labels, us]);
      model.dispose();
    },
    ["wasm", "cpu"],
  );
}

onEachBackend("a ViT takes a step with a gradient penalty", async () => {
  const model = lionViT({
    ...{ imageSize: 8, patchSize: 4, channels: 1, dim: 8, depth: 1 },
    ...{ numHeads: 2, numClasses: 2, variant: "s" },
  });
  const images = tf.randomNormal([2, 8, 8, 1], 0, 1, "float32", 1);
  const labels = tf.tensor1d([0, 1], "int32");
  const penalty = () => {
    const slopes = tf.grad((images: tf.Tensor) =>
      loss(model.apply(images) as tf.Tensor, labels)
    )(images);
    return tf.sum(tf.square(slopes)) as tf.Scalar;
  };
  const optimizer = new Adam({ learningRate: 1e-3 });
  const sizes: number[] = [];
  for (let i = 0; i < 3; i++) {
    const { value, grads } = tf.variableGrads(penalty);
    optimizer.applyGradients(grads);
    sizes.push((await value.data())[0]!);
    tf.dispose([value, grads]);
  }
  assertLess(sizes[1]!, sizes[0]!);
  assertLess(sizes[2]!, sizes[1]!);
  tf.dispose([images, labels]);
  optimizer.dispose();
  model.dispose();
}, ["wasm", "cpu"]);

onEachBackend("second derivatives are replayed", async () => {
  const model = lionEncoder({
    ...{ inputDim: 4, dim: 8, depth: 1, numHeads: 2, numClasses: 2 },
    ...{ variant: "s", mask: false },
  });
  const slopes = (x: tf.Tensor) =>
    tf.grad((x: tf.Tensor) => tf.logSumExp(model.apply(x) as tf.Tensor))(x);
  const penalty = (x: tf.Tensor) =>
    tf.grad((x: tf.Tensor) => tf.sum(tf.square(slopes(x))))(x);
  const run = replayed((x) => [penalty(x!)]);
  for (let i = 0; i < 6; i++) {
    const x = tf.randomNormal([1, 6, 4], 0, 1, "float32", i);
    const expected = tf.tidy(() => penalty(x)), [actual] = run(x);
    assertEquals(await actual!.data(), await expected.data());
    tf.dispose([x, expected, actual!]);
  }
  assertEquals([run.replays, run.refusal], [3, undefined]);
  run.dispose();
  model.dispose();
}, ["wasm", "cpu"]);
