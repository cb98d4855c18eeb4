/** Blocks that are computed again for their gradients change nothing but memory. @module */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { MemoryWatch } from "../../lib/backend/memory_watch.ts";
import { ATTENTION_VARIANTS } from "../../lib/layers/mod.ts";
import { type Rows, withDropoutSeed } from "../../lib/layers/randomness.ts";
import { LionBlock } from "../../lib/layers/block.ts";
import { train } from "../../lib/training/mod.ts";
import {
  lionBert,
  lionBlock,
  lionEncoder,
  lionGpt,
  lionViT,
  type Mixer,
  setGradientCheckpointing,
} from "../../mod.ts";
import { BACKENDS, onEachBackend } from "../backends.ts";
import { fillZeros } from "../layers/zero_weights.ts";
import { array, uniform } from "../random.ts";
import {
  tinyData,
  tinyModel,
  tinyOptions,
  weightsOf,
} from "../training/tiny.ts";
import { ids, mask } from "./answers.ts";
import { saveAndLoad } from "./save_and_load.ts";

const SIZES = {
  ...{ dim: 8, depth: 2, numHeads: 2, seed: 1 },
  ...{ dropout: 0.2 },
} as const;

const segments = () =>
  tf.tensor2d([[0, 0, 1, 1], [0, 0, 0, 0]], [2, 4], "int32");

/** A model with one option or the other, and inputs for it. */
interface Case {
  readonly make: (gradientCheckpointing: boolean) => LayersModel;
  readonly inputs: () => tf.Tensor[];
}

/** Draws numbers that no seed of the library decides, and reads a variable of its own. */
function noisy(own: tf.Variable): Mixer {
  return {
    parameters: (shape) => [
      { name: "scale", shape: [shape.at(-1)!], initial: "ones" },
    ],
    apply(x, parameters) {
      const noise = tf.randomNormal(x.shape, 1, Math.random());
      const some = tf.dropout(tf.mul(x, noise), 0.5);
      return tf.mul(tf.mul(some, own), parameters("scale"));
    },
    operations: () => 0,
  };
}

/** Mixes by plain operations, which have gradients of gradients. */
const shifts: Mixer = {
  parameters: () => [],
  apply: (x) => tf.mul(x, tf.reverse(x, 1)),
  operations: () => 0,
};

const IMAGE = { imageSize: 6, patchSize: 2, channels: 1, numClasses: 3 };
const images = () => tf.tensor4d(array(72, uniform(1)), [2, 6, 6, 1]);

const MODELS: Readonly<Record<string, Case>> = {
  "lionViT along snakes": {
    make: (gradientCheckpointing) =>
      lionViT({
        ...{ ...SIZES, ...IMAGE, gradientCheckpointing, dropPath: 0.4 },
        ...{ variant: "s", order: "snake" },
      }),
    inputs: () => [images()],
  },
  "lionEncoder of segments": {
    make: (gradientCheckpointing) =>
      lionEncoder({
        ...{ ...SIZES, gradientCheckpointing, dropPath: 0.4, variant: "d" },
        ...{ inputDim: 3, numClasses: 3, segments: true, maxSegments: 2 },
      }),
    inputs: () => [
      tf.tensor3d(array(24, uniform(1)), [2, 4, 3]),
      mask(),
      segments(),
    ],
  },
  lionBert: {
    make: (gradientCheckpointing) =>
      lionBert({
        ...{ ...SIZES, gradientCheckpointing, variant: "lit" },
        ...{ vocabularySize: 7, maxLength: 5, tokenTypes: 0 },
      }),
    inputs: () => [ids(), mask()],
  },
  lionGpt: {
    make: (gradientCheckpointing) =>
      lionGpt({
        ...SIZES,
        gradientCheckpointing,
        variant: "s",
        vocabularySize: 7,
      }),
    inputs: () => [ids()],
  },
};

/** The output, and the gradients of a sum of squares, of all weights that train. */
async function step(
  model: LayersModel,
  inputs: tf.Tensor[],
  rows?: Rows,
): Promise<Float32Array[]> {
  const variables = model.trainableWeights.map((weight) =>
    weight.read() as tf.Variable
  );
  let output!: tf.Tensor;
  const { value, grads } = tf.variableGrads(() =>
    withDropoutSeed("1", () => {
      const y = model.apply(inputs, { training: true }) as tf.Tensor;
      output = tf.keep(y.clone());
      return tf.sum(tf.square(y));
    }, rows), variables);
  const tensors = [output, ...variables.map(({ name }) => grads[name]!)];
  const values = await Promise.all(
    tensors.map((tensor) => tensor.data<"float32">()),
  );
  tf.dispose([value, tensors]);
  return values;
}

async function compare(
  { make, inputs }: Case,
  change: (model: LayersModel) => void = () => {},
): Promise<Float32Array[]> {
  const given = inputs();
  const steps = [];
  for (const gradientCheckpointing of [false, true]) {
    const model = make(gradientCheckpointing);
    change(model);
    // As a rank has them, whose batch is part of a larger one.
    const rows = { first: 1, count: given[0]!.shape[0]!, total: 4 };
    steps.push(await step(model, given, rows));
    model.dispose();
  }
  tf.dispose(given);
  const [usual, again] = steps;
  assertEquals(again, usual);
  assert(usual!.every((values) => values.every(Number.isFinite)));
  return usual!;
}

for (const [name, parts] of Object.entries(MODELS)) {
  onEachBackend(
    `${name}: outputs and gradients stay the same to the last bit`,
    async () => void await compare(parts),
    name === "lionGpt" ? BACKENDS : ["wasm", "cpu"],
  );
}

onEachBackend("so they do with every mixer", async () => {
  for (const variant of ATTENTION_VARIANTS) {
    await compare({
      make(gradientCheckpointing) {
        const options = { ...SIZES, gradientCheckpointing, variant };
        const model = lionEncoder({ ...options, inputDim: 3, numClasses: 3 });
        fillZeros(model.layers);
        return model;
      },
      inputs: () => [tf.tensor3d(array(24, uniform(1)), [2, 4, 3]), mask()],
    });
  }
}, ["wasm", "cpu"]);

const encoderOf = (options: object) => ({
  make: (gradientCheckpointing: boolean) =>
    lionEncoder({
      ...{ ...SIZES, gradientCheckpointing, inputDim: 3, numClasses: 3 },
      ...options,
    }),
  inputs: () => [tf.tensor3d(array(24, uniform(1)), [2, 4, 3]), mask()],
});

onEachBackend(
  "a mixer of one's own draws its random numbers again, and has gradients of all that it reads",
  async () => {
    const own = tf.tidy(() => tf.variable(tf.tensor1d(array(8, uniform(2)))));
    // So that both models draw the same.
    const { random } = Math;
    const make = (gradientCheckpointing: boolean) => {
      const values = uniform(3);
      Math.random = () => values();
      return encoderOf({ mixer: noisy(own) }).make(gradientCheckpointing);
    };
    try {
      const inputs = encoderOf({}).inputs();
      const gradients = [];
      for (const gradientCheckpointing of [false, true]) {
        const model = make(gradientCheckpointing);
        const all = model.trainableWeights.map((weight) => weight.read());
        const { value, grads } = tf.variableGrads(() =>
          tf.sum(
            tf.square(model.apply(inputs, { training: true }) as tf.Tensor),
          ), [own, ...all as tf.Variable[]]);
        const named = [own, ...all] as tf.Variable[];
        gradients.push(
          await Promise.all(named.map(({ name }) => grads[name]!.data())),
        );
        tf.dispose([value, grads]);
        model.dispose();
      }
      assertEquals(gradients[1], gradients[0]);
      assert(gradients[0]![0]!.every((value) => value !== 0));
      tf.dispose(inputs);
    } finally {
      Math.random = random;
      own.dispose();
    }
  },
  ["wasm", "cpu"],
);

onEachBackend(
  "weights that do not train get no gradient, others do",
  async () => {
    const freeze = (model: LayersModel) => {
      const [block] = model.layers.filter(({ name }) => name === "blocks.0");
      block!.trainable = false;
    };
    const all = await compare(encoderOf({ variant: "s" }));
    const some = await compare(encoderOf({ variant: "s" }), freeze);
    assertLess(some.length, all.length);
  },
  ["wasm", "cpu"],
);

onEachBackend(
  "blocks that are computed again stand beside others",
  async () => {
    const first = encoderOf({ variant: "s" });
    const mixed = (model: LayersModel) => {
      for (const layer of model.layers) {
        if (layer instanceof LionBlock && layer.name === "blocks.1") {
          layer.gradientCheckpointing = false;
        }
      }
    };
    await compare(first, mixed);
  },
  ["wasm", "cpu"],
);

onEachBackend(
  "gradients of inputs, of inferences and of gradients",
  async () => {
    const x = tf.tensor3d(array(24, uniform(1)), [1, 3, 8]);
    const results = [];
    for (const gradientCheckpointing of [false, true]) {
      const block = lionBlock({
        ...{ mixer: shifts, dropPath: 0, seed: 4, gradientCheckpointing },
      });
      const energy = (x: tf.Tensor) =>
        tf.sum(tf.square(block.apply(x) as tf.Tensor));
      const first = tf.grad(energy)(x);
      const second = tf.grad((x: tf.Tensor) =>
        tf.sum(tf.square(tf.grad(energy)(x)))
      )(x);
      results.push([...await first.data()], [...await second.data()]);
      tf.dispose([first, second]);
      block.dispose();
    }
    const [first, second, firstAgain, secondAgain] = results;
    assertEquals(firstAgain, first);
    second!.forEach((value, i) =>
      assertAlmostEquals(secondAgain![i]!, value, 1e-4 * Math.abs(value) + 1e-4)
    );
    assert(second!.some((value) => Math.abs(value) > 1e-2));
    x.dispose();
  },
  ["cpu"],
);

onEachBackend("an error within leaks nothing", () => {
  let calls = 0;
  const failing: Mixer = {
    ...shifts,
    apply: (x) => {
      if (++calls % 2 === 0) throw new RangeError("for the gradient");
      return tf.mul(x, 2);
    },
  };
  const block = lionBlock({ mixer: failing, gradientCheckpointing: true });
  const x = tf.ones([1, 2, 4]);
  (block.apply(x) as tf.Tensor).dispose();
  calls = 0;
  const { numTensors } = tf.memory();
  const energy = (x: tf.Tensor) => tf.sum(block.apply(x) as tf.Tensor);
  assertThrows(() => tf.grad(energy)(x), RangeError, "for the gradient");
  calls = 1;
  assertThrows(() => tf.grad(energy)(x), RangeError, "for the gradient");
  assertEquals(tf.memory().numTensors, numTensors);
  tf.dispose(x);
  block.dispose();
}, ["wasm", "cpu"]);

onEachBackend("a step needs less memory", async () => {
  const parts = encoderOf({ variant: "s", dim: 32, depth: 8 });
  const inputs = [tf.randomUniform([4, 64, 3]), tf.ones([4, 64])];
  const [usual, recomputed] = await Promise.all(
    [false, true].map((gradientCheckpointing) => {
      const model = parts.make(gradientCheckpointing);
      const watch = new MemoryWatch();
      const span = watch.begin();
      return step(model, inputs).then(() => {
        watch.stop();
        model.dispose();
        return span.peakBytes - span.bytesBefore;
      });
    }),
  );
  assertLess(recomputed! / usual!, 0.3);
  tf.dispose(inputs);
}, ["wasm"]);

onEachBackend(
  "training learns the same, and goes on with the other option",
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      const learned = async (
        gradientCheckpointing: boolean,
        name: string,
        until = 8,
      ) => {
        const model = tinyModel({ gradientCheckpointing });
        const checkpoints = { folder: `${folder}/${name}`, resume: true };
        const stop = new AbortController();
        const onBatchEnd = (batch: number) => {
          if (batch + 1 === until) stop.abort();
        };
        const { losses } = await train(
          model,
          tinyData(),
          tinyOptions({
            ...{ steps: 8, checkpoints, signal: stop.signal },
            callbacks: { onBatchEnd },
          }),
        );
        const weights = await weightsOf(model);
        model.dispose();
        return { losses, weights };
      };
      const usual = await learned(false, "usual");
      assertEquals(await learned(true, "again"), usual);
      await learned(false, "mixed", 4);
      const { weights } = await learned(true, "mixed");
      assertEquals(weights, usual.weights);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
  ["wasm", "cpu"],
);

onEachBackend(
  "a saved model keeps the option, and setGradientCheckpointing changes it",
  async () => {
    const model = encoderOf({ variant: "s" }).make(true);
    const loaded = await saveAndLoad(model);
    const blocksOf = (model: LayersModel) =>
      model.layers.filter((layer) => layer instanceof LionBlock);
    assertEquals(
      blocksOf(loaded).map(({ gradientCheckpointing }) =>
        gradientCheckpointing
      ),
      [
        true,
        true,
      ],
    );
    setGradientCheckpointing(loaded, false);
    assert(
      blocksOf(loaded).every((block) =>
        !("gradientCheckpointing" in block.getConfig())
      ),
    );
    assertThrows(
      () =>
        lionBlock({
          variant: "s",
          numHeads: 2,
          gradientCheckpointing: 1 as never,
        }),
      TypeError,
      "gradientCheckpointing should be true or false, got 1",
    );
    assertThrows(
      () =>
        encoderOf({ variant: "s", gradientCheckpointing: "yes" }).make(true),
      TypeError,
      "gradientCheckpointing should be true or false",
    );
    for (const one of [model, loaded]) one.dispose();
  },
  ["cpu"],
);

/** Adds tensors, and gives all of them the same tensor as gradient. */
const sum = tf.customGrad((...given) => {
  const [a, b] = given as [tf.Tensor, tf.Tensor];
  return { value: tf.add(a, b), gradFunc: (dy: tf.Tensor) => [dy, dy] };
});

/** Mixers whose gradients tfjs's tape computes in ways of their own. */
const ODD: Readonly<Record<string, Mixer["apply"]>> = {
  "the gradient of what is within": (x, parameters) => {
    const w = parameters("w");
    const energy = (w: tf.Tensor) => tf.sum(tf.square(tf.mul(x, w)));
    return tf.mul(x, tf.mul(tf.grad(energy)(w), 0.01));
  },
  "gradients that are one tensor": (x, parameters) => {
    const w = tf.mul(tf.onesLike(x), parameters("w"));
    const y = sum(x, w);
    return sum(sum(y, w), sum(x, y)) as tf.Tensor3D;
  },
  "an output of several": (x) => {
    const [a, b] = tf.split(tf.mul(x, 2), 2, 2);
    return tf.concat([b!, tf.zerosLike(a!)], 2) as tf.Tensor3D;
  },
  "nothing of its input": (x, parameters) =>
    tf.mul(tf.onesLike(x), parameters("w")),
};

for (const [name, apply] of Object.entries(ODD)) {
  onEachBackend(`a mixer that reads ${name}`, async () => {
    const x = tf.tensor3d(array(24, uniform(1)), [1, 3, 8]);
    const dy = tf.tensor3d(array(24, uniform(2)), [1, 3, 8]);
    const gradients = [];
    for (const gradientCheckpointing of [false, true]) {
      const mixer: Mixer = {
        parameters: () => [{ name: "w", shape: [8], initial: "ones" }],
        apply,
        operations: () => 0,
      };
      const block = lionBlock({
        mixer,
        mlpRatio: 0,
        seed: 1,
        gradientCheckpointing,
      });
      (block.apply(x) as tf.Tensor).dispose();
      const given = [
        x,
        ...["norm1.weight", "norm1.bias"].map(block.parameter),
        ...name === "an output of several" ? [] : [block.parameter("attn.w")],
      ].slice(0, name === "nothing of its input" ? 1 : undefined);
      const found = tf.grads(() => block.apply(x) as tf.Tensor)(given, dy);
      gradients.push(await Promise.all(found.map((x) => x.data())));
      tf.dispose(found);
      block.dispose();
    }
    assertEquals(gradients[1], gradients[0]);
    tf.dispose([x, dy]);
  }, ["wasm", "cpu"]);
}

onEachBackend("what a mixer reads besides its input has to be there", () => {
  let scale: tf.Tensor;
  const mixer: Mixer = { ...shifts, apply: (x) => tf.mul(x, scale) };
  const block = lionBlock({ mixer, gradientCheckpointing: true });
  const x = tf.ones([1, 2, 4]);
  scale = tf.scalar(2);
  (block.apply(x) as tf.Tensor).dispose();
  scale.dispose();
  const energy = (x: tf.Tensor) => {
    scale = tf.sum(x);
    return tf.sum(block.apply(x) as tf.Tensor);
  };
  assertThrows(
    () => tf.grad(energy)(x),
    TypeError,
    "what a block with gradientCheckpointing: true reads should be a tensor that still has values",
  );
  x.dispose();
  block.dispose();
}, ["wasm", "cpu"]);
