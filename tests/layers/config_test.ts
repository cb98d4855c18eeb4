/** Layers are what their configurations say. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  input,
  type LayersModel,
  model,
  models,
  type SymbolicTensor,
} from "@tensorflow/tfjs-layers";
import { lionAttentionLayer, lionBlock } from "../../mod.ts";
import {
  classToken,
  type LionLayer,
  patchEmbedding,
  positionEmbedding,
  positionTable,
  tokenEmbedding,
  tokenPooling,
} from "../../lib/layers/mod.ts";
import { Linear } from "../../lib/layers/linear.ts";
import { Normalization } from "../../lib/layers/normalization.ts";
import { VocabularyHead } from "../../lib/layers/embeddings/vocabulary_head.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";

/** Every option that attention has, none at its default. */
const ATTENTION = {
  variant: "s",
  numHeads: 2,
  form: "chunkwise",
  chunkSize: 3,
  featureMap: "eluPlusOne",
  order: [[0, 2, 1, 3], [3, 0, 1, 2]],
  grid: [2, 2],
  classToken: true,
  direction: "forward",
  normalize: false,
  outputNorm: true,
  dropout: 0.25,
  epsilon: 1e-3,
} as const;
const BLOCK = {
  ...ATTENTION,
  mlpRatio: 2,
  activation: "gelu-tanh",
  norm: "post",
  dropPath: 0.5,
};
const GIVEN = { name: "given", trainable: false, seed: 7 };

interface Case {
  /** The layer, every option away from its default. */
  readonly layer: () => LionLayer;
  /** Shapes of an example's inputs. */
  readonly inputs: readonly number[][];
}

const CASES: Record<string, Case> = {
  LionAttention: {
    layer: () => lionAttentionLayer({ ...GIVEN, ...ATTENTION }),
    inputs: [[4, 6]],
  },
  LionBlock: {
    layer: () => lionBlock({ ...GIVEN, ...BLOCK as typeof ATTENTION }),
    inputs: [[4, 6], [4]],
  },
  "LionBlock along snakes": {
    layer: () =>
      lionBlock({
        ...GIVEN,
        variant: "d",
        numHeads: 3,
        order: "snake",
        grid: [2, 2],
      }),
    inputs: [[4, 6]],
  },
  "LionBlock of softmax without perceptron": {
    layer: () =>
      lionBlock({
        ...GIVEN,
        variant: "softmax",
        numHeads: 3,
        position: "rotary",
        rotaryScale: 1.5,
        mlpRatio: 0,
      }),
    inputs: [[4, 6]],
  },
  LionPatchEmbedding: {
    layer: () => patchEmbedding({ ...GIVEN, patchSize: 2, dim: 3 }),
    inputs: [[4, 6, 2]],
  },
  LionClassToken: {
    layer: () => classToken({ ...GIVEN, embeddingStd: 0.5 }),
    inputs: [[4, 6]],
  },
  LionPositionEmbedding: {
    layer: () => positionEmbedding({ ...GIVEN, embeddingStd: 0.5 }),
    inputs: [[4, 6]],
  },
  LionPositionTable: {
    layer: () => positionTable({ ...GIVEN, maxLength: 5, embeddingStd: 0.5 }),
    inputs: [[4, 6]],
  },
  LionTokenPooling: {
    layer: () => tokenPooling({ ...GIVEN, kind: "first" }),
    inputs: [[4, 6]],
  },
  LionTokenEmbedding: {
    layer: () =>
      tokenEmbedding({
        ...GIVEN,
        vocabularySize: 7,
        dim: 6,
        maxLength: 5,
        tokenTypes: 2,
        normalize: true,
        epsilon: 1e-2,
        dropout: 0.5,
        embeddingStd: 0.5,
      }),
    inputs: [[4], [4]],
  },
  LionLinear: {
    layer: () => new Linear({ ...GIVEN, outputs: 3, activation: "tanh" }),
    inputs: [[4, 6]],
  },
  LionNormalization: {
    layer: () => new Normalization({ ...GIVEN, epsilon: 0.5 }),
    inputs: [[4, 6]],
  },
};

function outputOf(layer: LionLayer, inputs: tf.Tensor[]): tf.Tensor[] {
  const output = layer.apply(inputs.length > 1 ? inputs : inputs[0]!);
  return [output].flat() as tf.Tensor[];
}

async function valuesOf(tensors: tf.Tensor[]): Promise<number[][]> {
  return await Promise.all(
    tensors.map(async (tensor) => [...await tensor.data()]),
  );
}

/** Inputs of two examples; small whole numbers, which may be ids. */
function inputsOf({ inputs }: Case): tf.Tensor[] {
  const random = uniform(5);
  return inputs.map((shape) => {
    const size = 2 * tf.util.sizeFromShape(shape);
    const values = array(size, random, (u) => Math.floor(2 * u));
    return tf.tensor(values, [2, ...shape]);
  });
}

for (const [name, test] of Object.entries(CASES)) {
  onEachBackend(`${name} can be made again from its config`, async () => {
    const inputs = inputsOf(test);
    const layer = test.layer();
    const config = layer.getConfig();
    for (const [option, value] of Object.entries(GIVEN)) {
      assertEquals(config[option], value as never);
    }
    const make = layer.constructor as tf.serialization.SerializableConstructor<
      LionLayer
    >;
    const again = make.fromConfig(make, config);
    assertEquals(again.getConfig(), config);
    assertEquals(JSON.parse(JSON.stringify(config)), config);
    // The seed is in the config, so the weights are the same as well.
    const [y, same] = [layer, again].map((layer) => outputOf(layer, inputs));
    const values = await valuesOf(y!);
    assert(values.flat().every(Number.isFinite));
    assertEquals(await valuesOf(same!), values);
    layer.dispose();
    again.dispose();
    tf.dispose([inputs, y!, same!]);
  });

  Deno.test(`a model of ${name} can be made again from its JSON`, () => {
    const layer = test.layer();
    const inputs = test.inputs.map((shape) => input({ shape }));
    const outputs = layer.apply(
      inputs.length > 1 ? inputs : inputs[0]!,
    ) as SymbolicTensor;
    const whole = model({ inputs, outputs });
    const json = whole.toJSON(undefined, false);
    return models.modelFromJSON(
      JSON.parse(JSON.stringify(json)),
    ).then((again: LayersModel) => {
      const copy = again.getLayer("given") as LionLayer;
      assertEquals(copy.constructor, layer.constructor);
      assertEquals(copy.getConfig(), layer.getConfig());
      whole.dispose();
      again.dispose();
    });
  });
}

onEachBackend(
  "LionVocabularyHead can be made again from its config",
  async () => {
    const options = {
      ...GIVEN,
      transform: true,
      activation: "gelu-tanh",
      epsilon: 1e-2,
    } as const;
    const layer = new VocabularyHead(options);
    const again = VocabularyHead.fromConfig(
      VocabularyHead as never,
      layer.getConfig(),
    ) as VocabularyHead;
    assertEquals(again.getConfig(), layer.getConfig());
    const inputs = [
      tf.tensor3d(array(2 * 4 * 6, uniform(1)), [2, 4, 6]),
      tf.tensor2d(array(7 * 6, uniform(2)), [7, 6]),
    ];
    const [y, same] = [layer, again].map((layer) => outputOf(layer, inputs));
    assertEquals(y![0]!.shape, [2, 4, 7]);
    assertEquals(await valuesOf(same!), await valuesOf(y!));
    layer.dispose();
    again.dispose();
    tf.dispose([inputs, y!, same!]);
  },
);

onEachBackend("a config has the form that was set last", () => {
  const layer = lionBlock({ variant: "s", numHeads: 2, form: "full" });
  layer.attention.form = "recurrent";
  assertEquals(layer.getConfig()["form"], "recurrent");
});
