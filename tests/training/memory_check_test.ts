/** What training takes of memory is said before it begins. @module */
import {
  assert,
  assertEquals,
  assertLess,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  input,
  layers,
  type LayersModel,
  model,
  sequential,
  type Shape,
  type SymbolicTensor,
} from "@tensorflow/tfjs-layers";
import { MemoryWatch } from "../../lib/backend/memory_watch.ts";
import {
  assertStateFits,
  warnOfMemory,
} from "../../lib/training/memory_check.ts";
import { crossEntropy, train } from "../../lib/training/mod.ts";
import {
  lionBert,
  lionBlock,
  lionEncoder,
  lionGpt,
  lionViT,
  modelSummary,
  setGradientCheckpointing,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { tinyBatch, tinyData, tinyModel, tinyOptions } from "./tiny.ts";

const SIZES = { dim: 64, depth: 6, numHeads: 4, variant: "s" } as const;
const TEXT = { ...SIZES, vocabularySize: 1000, maxLength: 128 };
const VALUES = { inputDim: 4, numClasses: 3 };
const IMAGES = { imageSize: 32, patchSize: 4, channels: 1, numClasses: 3 };

/** Models, the shapes of their inputs, and that of the labels. */
const MODELS: Readonly<
  Record<string, readonly [() => LayersModel, number[][], number[]]>
> = {
  lionViT: [() => lionViT({ ...SIZES, ...IMAGES }), [[4, 32, 32, 1]], [4]],
  lionEncoder: [
    () => lionEncoder({ ...SIZES, ...VALUES }),
    [[4, 64, 4], [4, 64]],
    [4],
  ],
  "lionEncoder of softmax": [
    () => lionEncoder({ ...SIZES, ...VALUES, variant: "softmax" }),
    [[4, 64, 4], [4, 64]],
    [4],
  ],
  lionBert: [
    () => lionBert({ ...TEXT, tokenTypes: 0 }),
    [[4, 64], [4, 64]],
    [4, 64],
  ],
  lionGpt: [() => lionGpt(TEXT), [[4, 64]], [4, 64]],
};

/** The most bytes in use while gradients are computed, without the weights and them. */
function measured(
  model: LayersModel,
  shapes: number[][],
  labelsShape: number[],
): number {
  const inputs = shapes.map((shape, i) =>
    tf.ones(shape, model.inputs[i]!.dtype as "int32")
  );
  const labels = tf.zeros(labelsShape, "int32");
  const weights = model.trainableWeights.map((weight) =>
    weight.read() as tf.Variable
  );
  const watch = new MemoryWatch();
  const span = watch.begin();
  const { value, grads } = tf.variableGrads(() =>
    crossEntropy()(
      model.apply(inputs, { training: true }) as tf.Tensor,
      labels,
    ), weights);
  watch.stop();
  tf.dispose([value, grads, labels, inputs]);
  return span.peakBytes - span.bytesBefore - 4 * model.countParams();
}

onEachBackend("modelSummary() estimates what a step takes", () => {
  for (const [name, [make, shapes, labels]] of Object.entries(MODELS)) {
    const model = make();
    const { stateBytes, keptBytes, recomputedBytes } =
      modelSummary(model, shapes).training;
    assertEquals(stateBytes, 16 * model.countParams());
    for (const gradientCheckpointing of [false, true]) {
      setGradientCheckpointing(model, gradientCheckpointing);
      const { bytes, limitBytes } = modelSummary(model, shapes).training;
      assertEquals(bytes, gradientCheckpointing ? recomputedBytes : keptBytes);
      assertEquals(limitBytes, 2 ** 32);
      const ratio = measured(model, shapes, labels) / (bytes - stateBytes);
      const text = `${name}, ${gradientCheckpointing}: ${ratio}`;
      assertLess(0.6, ratio, text);
      assertLess(ratio, 1.5, text);
    }
    assertLess(recomputedBytes - stateBytes, 0.7 * (keptBytes - stateBytes));
    model.dispose();
  }
}, ["wasm"]);

onEachBackend("weights that do not train have no gradients or moments", () => {
  const model = tinyModel();
  const all = modelSummary(model, [[4, 5, 2], [4, 5]]).training.stateBytes;
  const block = model.getLayer("blocks.0");
  block.trainable = false;
  const some = modelSummary(model, [[4, 5, 2], [4, 5]]).training.stateBytes;
  assertEquals(all - some, 12 * block.countParams());
  model.dispose();
}, ["cpu"]);

onEachBackend("a tf.Sequential is described and trained", async () => {
  const model = sequential();
  model.add(lionBlock({ variant: "s", numHeads: 2, inputShape: [5, 4] }));
  model.add(layers.flatten());
  model.add(layers.dense({ units: 3 }));
  const { stateBytes, bytes } = modelSummary(model, [4, 5, 4]).training;
  assertEquals(stateBytes, 16 * model.countParams());
  assertLess(stateBytes, bytes);
  const batch = () => ({
    ...{ inputs: [tf.ones([4, 5, 4])], size: 4 },
    labels: tf.zeros([4], "int32"),
  });
  const { steps } = await train(
    model,
    tinyData(batch),
    tinyOptions({ steps: 4 }),
  );
  assertEquals(steps, 4);
  model.dispose();
}, ["wasm"]);

/** A layer that does not know shapes in advance. */
class Unshaped extends layers.Layer {
  override call(x: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.mul(Array.isArray(x) ? x[0]! : x, 2);
  }

  override computeOutputShape(shape: Shape | Shape[]): Shape {
    if (shape[0] !== null) throw new Error("no number of sequences");
    return shape as Shape;
  }

  static get className(): string {
    return "Unshaped";
  }
}

onEachBackend(
  "models with layers of another one's, and of one's own, are trained",
  async () => {
    const block = lionBlock({ variant: "s", numHeads: 2 });
    /** A model with the block, and what comes before it and after it. */
    const made = (before: tf.serialization.Serializable | undefined) => {
      const x = input({ shape: [5, 4] });
      const tokens = before ? (before as Unshaped).apply(x) : x;
      const y = layers.dense({ units: 3 })
        .apply(block.apply(tokens as SymbolicTensor));
      const outputs = layers.flatten().apply(y) as SymbolicTensor;
      return model({ inputs: x, outputs });
    };
    const one = made(undefined), other = made(layers.dense({ units: 4 }));
    const odd = made(new Unshaped({}));
    const batch = () => ({
      ...{ inputs: [tf.ones([4, 5, 4])], size: 4 },
      labels: tf.zeros([4], "int32"),
    });
    const [first, second] = [one, other].map((model) =>
      modelSummary(model, [4, 5, 4]).training
    );
    assertLess(first!.bytes, second!.bytes);
    for (const model of [one, other, odd]) {
      const { steps } = await train(
        model,
        tinyData(batch),
        tinyOptions({ steps: 4 }),
      );
      assertEquals(steps, 4);
    }
    for (const model of [one, other, odd]) model.dispose();
  },
  ["wasm"],
);

onEachBackend("a model that is too large does not begin to train", async () => {
  const model = tinyModel();
  const bytes = 16 * model.countParams();
  assertStateFits(model, { averageDecay: undefined }, bytes);
  const { message } = assertThrows(
    () => assertStateFits(model, { averageDecay: 0.9 }, bytes),
    RangeError,
    `should fit into WebAssembly's ${bytes} bytes in training, got one that needs ${
      20 * model.countParams()
    }`,
  );
  assertStringIncludes(message, "no ema");
  // As if it had its largest weight very often.
  const [largest] = model.trainableWeights
    .toSorted((a, b) => sizeOf(b.shape) - sizeOf(a.shape));
  const copies = Math.ceil(2 ** 28 / sizeOf(largest!.shape));
  const weights = Array.from({ length: copies }, () => largest!);
  Object.defineProperties(model, {
    weights: { value: weights, configurable: true },
    trainableWeights: { value: weights, configurable: true },
  });
  const { numTensors } = tf.memory();
  const trained = () => train(model, tinyData(), tinyOptions());
  await assertRejects(trained, RangeError, "should fit into WebAssembly's");
  assertEquals(tf.memory().numTensors, numTensors);
  for (const name of ["weights", "trainableWeights"]) {
    delete (model as unknown as Record<string, unknown>)[name];
  }
  model.dispose();
}, ["wasm"]);

function sizeOf(shape: readonly (number | null)[]): number {
  return tf.util.sizeFromShape(shape as number[]);
}

/** A model that is another one. */
function nested(inner: LayersModel): LayersModel {
  const inputs = inner.inputs.map(({ shape }) =>
    input({ shape: shape.slice(1) })
  );
  const outputs = inner.apply(inputs) as SymbolicTensor;
  return model({ inputs, outputs });
}

onEachBackend(
  "a step that may not fit is warned of once, with what helps",
  async () => {
    const warnings: string[] = [];
    const { warn } = console;
    console.warn = (text) => warnings.push(text);
    try {
      const model = tinyModel({ depth: 4 });
      const batch = tinyBatch(0, 64);
      const shapes = batch.inputs.map(({ shape }) => shape);
      const { bytes, recomputedBytes } = modelSummary(model, shapes).training;
      warnOfMemory(model, batch, bytes);
      assertEquals(warnings, []);
      warnOfMemory(model, batch, bytes - 1);
      assertEquals(warnings.length, 1);
      assertStringIncludes(warnings[0]!, `about ${bytes} bytes`);
      assertStringIncludes(warnings[0]!, `needs about ${recomputedBytes}`);
      setGradientCheckpointing(model, true);
      // Nested in another one, with which it is disposed of.
      const outer = nested(model);
      warnOfMemory(outer, batch, 0.9 * recomputedBytes);
      assert(!warnings[1]!.includes("gradientCheckpointing"));
      tf.dispose([...batch.inputs, batch.labels]);
      const large = tinyModel({
        variant: undefined,
        mixer: {
          parameters: () => [],
          apply: (x) => x,
          operations: () => 0,
          cost: () => ({ operations: 0, bytes: 0, peakBytes: 2 ** 40 }),
        },
      });
      await train(large, tinyData(), tinyOptions({ steps: 4 }));
      assertEquals(warnings.length, 3);
      assertStringIncludes(warnings[2]!, `WebAssembly has ${2 ** 32}`);
      for (const one of [outer, large]) one.dispose();
    } finally {
      console.warn = warn;
    }
  },
  ["wasm"],
);
