/** Every variant in every model: it learns, is saved, changes its form and goes on. @module */
import { assert, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import "../../lib/io/mod.ts";
import { ATTENTION_VARIANTS } from "../../lib/layers/options/attention_options.ts";
import { crossEntropy, train } from "../../lib/training/mod.ts";
import {
  type AttentionVariant,
  lionBert,
  lionEncoder,
  lionGpt,
  lionViT,
  modelSummary,
  setForm,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { fillZeros } from "../layers/zero_weights.ts";
import { array, uniform } from "../random.ts";
import { sampleForms } from "../sample.ts";
import { answer, assertGoesOn, ids, mask } from "./answers.ts";
import { saveAndLoad } from "./save_and_load.ts";

const SIZES = { dim: 8, depth: 2, numHeads: 2, seed: 1 } as const;

/**
 * Largest difference of forms, relative to what a last bit of every weight changes.
 *
 * A fixed bound would be one for the case: a head norm divides by what a head has
 * read, and of terms that nearly cancel it multiplies the rounding errors with
 * their size beside their sum. Weights that are off by a bit go the same way. Each
 * form rounds what is made of them a few times.
 */
const ROUNDINGS = 8;

/** A model, and one batch for it. */
interface Case {
  readonly make: (variant: AttentionVariant) => LayersModel;
  readonly inputs: () => tf.Tensor[];
  readonly labels: () => tf.Tensor;
}

const next = () => tf.tensor2d([[1, 4, 1, 5], [0, 2, 6, 3]], [2, 4], "int32");

const MODELS: Readonly<Record<string, Case>> = {
  lionViT: {
    make: (variant) =>
      lionViT({
        ...{ ...SIZES, variant },
        ...{ imageSize: 6, patchSize: 2, channels: 1, numClasses: 3 },
      }),
    inputs: () => [tf.tensor4d(array(72, uniform(1)), [2, 6, 6, 1])],
    labels: () => tf.tensor1d([0, 2], "int32"),
  },
  lionEncoder: {
    make: (variant) =>
      lionEncoder({ ...SIZES, variant, inputDim: 3, numClasses: 3 }),
    inputs: () => [tf.tensor3d(array(24, uniform(1)), [2, 4, 3]), mask()],
    labels: () => tf.tensor1d([0, 2], "int32"),
  },
  lionBert: {
    make: (variant) =>
      lionBert({
        ...{ ...SIZES, variant },
        ...{ vocabularySize: 7, maxLength: 5, tokenTypes: 0 },
      }),
    inputs: () => [ids(), mask()],
    labels: next,
  },
  lionGpt: {
    make: (variant) =>
      lionGpt({ ...SIZES, variant, vocabularySize: 7, maxLength: 12 }),
    inputs: () => [ids()],
    labels: next,
  },
};

async function weightsOf(model: LayersModel): Promise<Float32Array[]> {
  return await Promise.all(
    model.weights.map((weight) => weight.read().data<"float32">()),
  );
}

/** How much logits change if each weight is off by its last bit, at the most of a few ways. */
async function changeOfLastBits(
  model: LayersModel,
  inputs: tf.Tensor[],
  logits: Float32Array,
): Promise<number> {
  const weights = await weightsOf(model);
  const write = (values: readonly Float32Array[]) =>
    model.weights.forEach((weight, i) => {
      const x = tf.tensor(values[i]!, weight.shape as number[]);
      weight.write(x);
      x.dispose();
    });
  const random = uniform(1);
  const changes: number[] = [];
  for (let way = 0; way < 2; way++) {
    write(
      weights.map((values) =>
        values.map((x) => x * (1 + (random() < 0.5 ? -1 : 1) * 2 ** -23))
      ),
    );
    changes.push(largestDifference(await answer(model, inputs), logits));
  }
  write(weights);
  return Math.max(...changes);
}

function largestDifference(x: Float32Array, y: Float32Array): number {
  return x.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - y[i]!)),
    0,
  );
}

/** Those that can read one side only. */
const CAUSAL_VARIANTS = ATTENTION_VARIANTS.filter((name) => name !== "hydra");

const CASES = Object.entries(MODELS).flatMap(([name, model]) =>
  (name === "lionGpt" ? CAUSAL_VARIANTS : ATTENTION_VARIANTS)
    .map((variant) => ({ variant, name, model }))
);

onEachBackend("every variant learns in every model", async (backend) => {
  for (
    const { variant, name, model: parts } of sampleForms(
      backend,
      CASES,
      () => false,
    )
  ) {
    const model = parts.make(variant);
    const before = await weightsOf(model);
    const { losses } = await train(model, {
      stepsPerEpoch: 1,
      async *from() {
        while (true) {
          yield { inputs: parts.inputs(), labels: parts.labels(), size: 2 };
        }
      },
    }, {
      steps: 3,
      loss: crossEntropy(),
      optimizer: { learningRate: () => 5e-3 },
      progress: false,
    });
    assertLess(losses.at(-1)!, losses[0]!, `${variant} in ${name}`);
    const after = await weightsOf(model);
    model.weights.forEach(({ originalName }, i) =>
      assert(
        after[i]!.some((value, n) => value !== before[i]![n]),
        `${originalName} of ${variant} in ${name} has not changed`,
      )
    );
    model.dispose();
  }
}, { sampled: true });

onEachBackend(
  "every variant is saved, loaded and changes its form in every model",
  async (backend) => {
    for (
      const { variant, name, model: parts } of sampleForms(
        backend,
        CASES,
        () => false,
      )
    ) {
      const label = `${variant} in ${name}`;
      const model = parts.make(variant);
      fillZeros(model.layers);
      const inputs = parts.inputs();
      const values = await answer(model, inputs);
      const loaded = await saveAndLoad(model);
      assertEquals(await answer(loaded, inputs), values, label);
      const bound = ROUNDINGS * await changeOfLastBits(model, inputs, values);
      const { forms } = modelSummary(loaded, inputs.map(({ shape }) => shape));
      for (
        const form of ["full", "recurrent", "blockwise", "chunkwise"] as const
      ) {
        setForm(loaded, form, 3);
        const same = await answer(loaded, inputs);
        assertLess(largestDifference(same, values), bound, `${label} ${form}`);
        assert(forms[form]!.attentionBytes > 0, label);
        assert(forms[form]!.operations > 0, label);
      }
      model.dispose();
      loaded.dispose();
      tf.dispose(inputs);
    }
  },
  { sampled: true },
);

for (const variant of CAUSAL_VARIANTS) {
  onEachBackend(`generate() goes on as ${variant} predicts`, async () => {
    const model = MODELS["lionGpt"]!.make(variant);
    fillZeros(model.layers);
    await assertGoesOn(model, 6);
    model.dispose();
  }, ["wasm", "cpu"]);
}
