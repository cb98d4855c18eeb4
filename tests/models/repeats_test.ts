/** Blocks that are applied several times are those of a deeper model with equal weights. @module */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { fromPretrained, savePretrained } from "../../lib/hub/mod.ts";
import { loadPyTorchWeights, toPyTorchWeights } from "../../lib/io/mod.ts";
import { ATTENTION_VARIANTS } from "../../lib/layers/mod.ts";
import {
  lionEncoder,
  type LionEncoderOptions,
  modelSummary,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { withFolder } from "../io/files.ts";
import { fillZeros } from "../layers/zero_weights.ts";
import { array, uniform } from "../random.ts";
import { saveAndLoad } from "./save_and_load.ts";

const SIZES = {
  ...{ inputDim: 3, dim: 8, depth: 2, numHeads: 2, numClasses: 2, seed: 3 },
} as const;

/** A model with repeats, and one that is as deep, with the same weights. */
async function pair(
  options: Pick<LionEncoderOptions, "variant">,
): Promise<[LayersModel, LayersModel]> {
  const repeated = lionEncoder({ ...SIZES, ...options, repeats: 3 });
  const deep = lionEncoder({ ...SIZES, ...options, depth: 6 });
  const weights = toPyTorchWeights(repeated);
  const all = new Map<string, tf.Tensor>();
  for (const [name, tensor] of weights) {
    const [, block, rest] = /^blocks\.(\d)\.(.*)/.exec(name) ?? [];
    if (block === undefined) all.set(name, tensor);
    for (let i = Number(block); i < 6; i += 2) {
      all.set(`blocks.${i}.${rest}`, tensor);
    }
  }
  await loadPyTorchWeights(deep, all);
  tf.dispose([...weights.values()]);
  return [repeated, deep];
}

const inputs = () => [
  tf.tensor3d(array(2 * 7 * 3, uniform(2)), [2, 7, 3]),
  tf.tensor2d([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]]),
];

// Gated value residuals come from the first block, of which a deeper model has one.
for (const variant of ATTENTION_VARIANTS.filter((name) => name !== "rwkv7")) {
  onEachBackend(`repeats of ${variant} share the weights`, async () => {
    const [repeated, deep] = await pair({ variant });
    const [y, same] = tf.tidy(() =>
      [repeated, deep].map((model) => model.predict(inputs()) as tf.Tensor)
    );
    assertEquals(await y!.data(), await same!.data());
    tf.dispose([y!, same!]);
    repeated.dispose();
    deep.dispose();
  }, ["wasm"]);
}

/** The gradients of all weights by their names, flat. */
async function gradientsOf(model: LayersModel) {
  const { value, grads } = tf.variableGrads(() =>
    tf.tidy(() =>
      tf.sum(tf.square(model.apply(inputs(), { training: true }) as tf.Tensor))
    )
  );
  const found: Record<string, Float32Array> = {};
  for (const weight of model.trainableWeights) {
    const { name } = weight.read() as tf.Variable;
    found[weight.originalName.replace(/^.*?(blocks)/, "$1")] =
      await grads[name]!
        .data<"float32">();
  }
  tf.dispose([value, ...Object.values(grads)]);
  return found;
}

onEachBackend(
  "gradients of repeats add up, with checkpointing too",
  async () => {
    const [repeated, deep] = await pair({ variant: "s" });
    const [own, all] = [await gradientsOf(repeated), await gradientsOf(deep)];
    for (const [name, gradient] of Object.entries(own)) {
      const [, block, rest] = /^blocks\.(\d)(.*)/.exec(name) ?? [];
      const parts = block === undefined
        ? [all[name]!]
        : [0, 2, 4].map((more) =>
          all[`blocks.${Number(block) + more}${rest}`]!
        );
      gradient.forEach((x, i) =>
        assertAlmostEquals(
          x,
          parts.reduce((sum, part) => sum + part[i]!, 0),
          1e-4,
        )
      );
    }
    const options = { ...SIZES, variant: "s", repeats: 3 } as const;
    const again = lionEncoder({ ...options, gradientCheckpointing: true });
    const kept = lionEncoder(options);
    assertEquals(await gradientsOf(again), await gradientsOf(kept));
    for (const model of [repeated, deep, again, kept]) model.dispose();
  },
  ["wasm", "cpu"],
);

onEachBackend(
  "models with repeats are saved, and loaded with more",
  async () => {
    const options: LionEncoderOptions = {
      ...{ ...SIZES, vocabularySize: 9, inputDim: undefined, variant: "rwkv7" },
      repeats: 2,
    };
    const model = lionEncoder(options);
    fillZeros(model.layers);
    const ids = tf.tensor2d([[1, 2, 3, 4]], [1, 4], "int32"),
      mask = tf.ones([1, 4]);
    const answer = async (model: LayersModel) => {
      const y = model.predict([ids, mask]) as tf.Tensor;
      const values = await y.data();
      y.dispose();
      return values;
    };
    const wanted = await answer(model);
    const loaded = await saveAndLoad(model);
    assertEquals(await answer(loaded), wanted);
    const config = (repeats: number) => ({
      ...{ model_type: "lion", architecture: "lionEncoder" } as const,
      options: { ...options, repeats },
    });
    await withFolder(async (folder) => {
      await assertRejects(
        () => savePretrained(folder, { model, config: config(3) }),
        RangeError,
        "repeats 3, the model has 2",
      );
      await savePretrained(folder, { model, config: config(2) });
      const same = await fromPretrained(folder);
      assertEquals(await answer(same.model), wanted);
      const more = lionEncoder({ ...options, repeats: 4 });
      const weights = toPyTorchWeights(same.model);
      await loadPyTorchWeights(more, weights);
      const other = await answer(more);
      assert(other.some((x, i) => x !== wanted[i]));
      tf.dispose([...weights.values()]);
      same.model.dispose();
      more.dispose();
    });
    tf.dispose([ids, mask]);
    model.dispose();
    loaded.dispose();
  },
  ["cpu"],
);

onEachBackend("the summary of a model counts all repeats", () => {
  const shapes = [[1, 32, 3], [1, 32]];
  const options = { ...SIZES, variant: "s" } as const;
  const [once, thrice, deep] = [
    lionEncoder(options),
    lionEncoder({ ...options, repeats: 3 }),
    lionEncoder({ ...options, depth: 6 }),
  ].map((model) => {
    const summary = modelSummary(model, shapes);
    model.dispose();
    return summary;
  });
  assertEquals(thrice!.parameters, once!.parameters);
  assertEquals(thrice!.forms, deep!.forms);
  assertEquals(
    thrice!.training.bytes - thrice!.training.stateBytes,
    deep!.training.bytes - deep!.training.stateBytes,
  );
  for (const repeats of [0, 1.5, 4096]) {
    assertThrows(
      () => lionEncoder({ ...options, repeats }),
      RangeError,
      "repeats should be an integer from 1 to 2048",
    );
  }
}, ["cpu"]);
