/** Custom mixers and decays: as the docs have them, saved by name, and refused. @module */
import {
  assert,
  assertEquals,
  assertLess,
  assertRejects,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { input, layers, model as modelOf } from "@tensorflow/tfjs-layers";
import {
  bidirectionalDecay,
  type Decay,
  diagonalDecay,
  fixedDecay,
  generate,
  type LearnedDecay,
  lionAttentionLayer,
  lionBlock,
  lionEncoder,
  lionGpt,
  logSigmoid,
  type Mixer,
  modelSummary,
  registerDecay,
  registerMixer,
  selectiveDecay,
  setForm,
  useBackend,
} from "../../mod.ts";
import { MixingLayer } from "../../lib/layers/mod.ts";
import { retentionDecay } from "../../lib/family/mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { assertGoesOn } from "./answers.ts";
import { saveAndLoad } from "./save_and_load.ts";

const SIZES = { dim: 8, depth: 2, seed: 1 } as const;

/** The example of a docstring, by its title. */
async function exampleOf(file: string, title: string): Promise<string> {
  const path = new URL(`../../lib/${file}`, import.meta.url);
  const lines = (await Deno.readTextFile(path)).split("\n")
    .map((line) => line.replace(/^ \* ?/, ""));
  const start = lines.indexOf(`@example ${title}`);
  const end = lines.indexOf("```", start);
  assert(start >= 0 && end > start);
  return lines.slice(start + 2, end).join("\n");
}

// It leaves its models behind, as an example does.
Deno.test("the docs' mixer trains in a ViT and in a GPT", async () => {
  const code = await exampleOf(
    "layers/mixer.ts",
    "A custom mixer, in a vision transformer and in a language model",
  );
  await useBackend({ prefer: ["wasm"] });
  const type = "application/typescript";
  const url = URL.createObjectURL(new Blob([code], { type }));
  await import(url);
  URL.revokeObjectURL(url);
});

/** Doubles its input, and remembers nothing. */
const doubling: Mixer = {
  parameters: () => [],
  apply: (x) => tf.mul(x, 2),
  operations: (shape) => tf.util.sizeFromShape(shape as number[]),
};

const own: LearnedDecay = {
  parameters: (shape) => [
    { name: "pace", shape: [shape.at(-1)!, 2], initial: { deviation: 0.5 } },
  ],
  decay(x, parameters) {
    const [batch, length, dim] = x.shape;
    const rows = tf.matMul(
      tf.reshape(x, [-1, dim]),
      parameters("pace") as tf.Tensor2D,
    );
    const logits: tf.Tensor3D = tf.reshape(rows, [batch, length, 2]);
    return selectiveDecay(logSigmoid(tf.transpose(logits, [0, 2, 1])));
  },
};

onEachBackend("models with custom parts are saved by name", async () => {
  registerMixer("doubling", doubling);
  registerDecay("own", own);
  registerMixer("doubling", doubling); // once more is no mistake
  const make = (part: object) =>
    lionEncoder({
      ...{ ...SIZES, inputDim: 3, numClasses: 2, numHeads: 2 },
      ...part,
    });
  const inputs = [
    tf.tensor3d(array(24, uniform(1)), [2, 4, 3]),
    tf.ones([2, 4]),
  ];
  for (
    const part of [{ mixer: doubling }, { mixer: "doubling" }, { decay: own }, {
      decay: "own",
    }]
  ) {
    const model = make(part);
    const loaded = await saveAndLoad(model);
    const [y, same] = [model, loaded].map((model) =>
      model.predict(inputs) as tf.Tensor
    );
    assertEquals(await same!.data(), await y!.data());
    const [block] = loaded.layers.filter((layer) =>
      layer instanceof MixingLayer
    );
    assertEquals(
      block!.getConfig()["mixer" in part ? "mixer" : "decay"],
      "mixer" in part ? "doubling" : "own",
    );
    tf.dispose([y!, same!]);
    model.dispose();
    loaded.dispose();
  }
  tf.dispose(inputs);
}, ["wasm", "cpu"]);

onEachBackend(
  "a custom decay learns, is fixed, or is of positions",
  async () => {
    const x = tf.tensor3d(array(40, uniform(2)), [2, 5, 4]);
    const layer = lionAttentionLayer({ decay: own, numHeads: 2, seed: 1 });
    (layer.apply(x) as tf.Tensor).dispose();
    const pace = layer.parameter("a_i.pace") as tf.Variable;
    const { value, grads } = tf.variableGrads(
      () => tf.sum(tf.square(layer.apply(x) as tf.Tensor)) as tf.Scalar,
      [pace],
    );
    assertEquals(pace.shape, [4, 2]);
    const gradient = await grads[pace.name]!.data();
    assert(gradient.some((x) => x !== 0));
    tf.dispose([value, ...Object.values(grads)]);
    layer.dispose();

    // RetNet's decays; by hand, the same for all of the batch.
    const decays: Record<string, () => Decay> = {
      fixed: () => fixedDecay(retentionDecay(2)),
      positions: () =>
        selectiveDecay(
          tf.mul(tf.ones([1, 2, 5]), tf.reshape(retentionDecay(2), [1, 2, 1])),
        ),
      channels: () =>
        diagonalDecay(
          tf.mul(
            tf.ones([1, 2, 5, 2]),
            tf.reshape(retentionDecay(2), [1, 2, 1, 1]),
          ),
        ),
      "two sides": () => {
        const each = tf.mul(
          tf.ones<tf.Rank.R3>([1, 2, 5]),
          tf.reshape(retentionDecay(2), [1, 2, 1]),
        ) as tf.Tensor3D;
        return bidirectionalDecay(each, each);
      },
    };
    const answers: Float32Array[] = [];
    for (const decay of Object.values(decays)) {
      const layer = lionAttentionLayer({ decay, numHeads: 2, seed: 1 });
      const y = layer.apply(x) as tf.Tensor;
      answers.push(await y.data<"float32">());
      layer.dispose();
      y.dispose();
    }
    for (const answer of answers) {
      answer.forEach((value, i) =>
        assertLess(Math.abs(value - answers[0]![i]!), 1e-5)
      );
    }
    x.dispose();
  },
);

onEachBackend(
  "generate() goes on with any decay, and needs a step",
  async () => {
    const decays = [
      own,
      () => fixedDecay(retentionDecay(2)),
      (x: tf.Tensor3D) =>
        diagonalDecay(
          tf.neg(
            tf.transpose(
              tf.reshape(tf.sigmoid(x), [x.shape[0], x.shape[1], 2, 4]),
              [0, 2, 1, 3],
            ),
          ),
          { convention: "arrival" },
        ),
    ];
    for (const decay of decays) {
      const model = lionGpt({
        ...{ ...SIZES, numHeads: 2, vocabularySize: 7, maxLength: 12 },
        decay,
      });
      await assertGoesOn(model, 5);
      model.dispose();
    }
    const model = lionGpt({ ...SIZES, vocabularySize: 7, mixer: doubling });
    await assertRejects(
      () => generate(model, [1]),
      TypeError,
      "generate's model should have mixers with a step",
    );
    model.dispose();
  },
  ["wasm", "cpu"],
);

Deno.test("parts that cannot be are refused", () => {
  const build = (options: object) => () =>
    lionBlock(options).build([null, 3, 4]);
  const cases: [() => unknown, typeof TypeError | typeof RangeError, string][] =
    [
      [
        build({ variant: "s", numHeads: 2, mixer: doubling }),
        RangeError,
        "one of variant, mixer and decay should say how tokens are weighted, got variant and mixer",
      ],
      [build({ numHeads: 2 }), RangeError, 'variant should be "lit", "d"'],
      [
        build({ decay: own }),
        RangeError,
        "numHeads should divide the layer's 4 columns, got undefined",
      ],
      [
        build({ mixer: { apply: 1 } }),
        TypeError,
        "mixer should be an object of functions, got undefined for its parameters",
      ],
      [
        build({ mixer: { ...doubling, step: true } }),
        TypeError,
        "mixer should be an object of functions, got boolean for its step",
      ],
      [
        build({ decay: 1, numHeads: 2 }),
        TypeError,
        "decay should be a function, or an object of functions, got undefined",
      ],
      [
        build({ mixer: "nobody's" }),
        RangeError,
        `mixer "nobody's" is not registered: call registerMixer("nobody's", …) before`,
      ],
      [
        build({ mixer: doubling, order: "snake", grid: [1, 3] }),
        RangeError,
        'order is an option of LION, which a custom mixer does not have; leave it out, got "snake"',
      ],
      [
        build({ variant: "gla", numHeads: 2, normalize: true }),
        RangeError,
        'normalize is an option of LION, which variant "gla" does not have',
      ],
      [
        () => lionBlock({ mixer: { ...doubling }, name: "mine" }).getConfig(),
        TypeError,
        'layer mine has a custom mixer without a name, and cannot be saved: call registerMixer("a name", mixer)',
      ],
      [
        () =>
          lionBlock({ decay: () => fixedDecay(tf.zeros([2])), numHeads: 2 })
            .getConfig(),
        TypeError,
        'has a custom decay without a name, and cannot be saved: call registerDecay("a name", decay)',
      ],
      [
        () => registerMixer("", doubling),
        TypeError,
        "registerMixer's name should be a string that is not empty",
      ],
      [
        () => {
          registerMixer("taken", doubling);
          registerMixer("taken", { ...doubling });
        },
        RangeError,
        "registerMixer's name should not be taken, got \"taken\", which is another mixer's",
      ],
      [
        () => registerDecay("none", {} as LearnedDecay),
        TypeError,
        "decay should be a function, or an object of functions",
      ],
    ];
  for (const [make, kind, message] of cases) assertThrows(make, kind, message);
});

/** Mistakes inside a mixer or a decay of one's own, and what names them. */
const MISTAKES: readonly [string, object, string][] = [
  [
    "an unknown parameter",
    {
      apply: (x: tf.Tensor, get: (name: string) => tf.Tensor) =>
        tf.mul(x, get("pase")),
    },
    'mine has no parameter "attn.pase"; did you mean "attn.pace"? Its parameters are norm1.weight',
  ],
  [
    "unknown initial values",
    { parameters: () => [{ name: "pace", shape: [4], initial: "glorot" }] },
    'parameter "attn.pace" of mine should have the initial values "zeros", "ones", { deviation: 0.02 } or { values: (seed) => a tensor }, got "glorot"',
  ],
  [
    "no initial values",
    { parameters: () => [{ name: "pace", shape: [4] }] },
    'parameter "attn.pace" of mine should have the initial values "zeros"',
  ],
  [
    "initial values of another shape",
    {
      parameters: () => [{
        ...{ name: "pace", shape: [4] },
        initial: { values: () => tf.zeros([3]) },
      }],
    },
    "initial values of mine's attn.pace should have shape [its shape] = [4], got [3]",
  ],
  [
    "a shape that is none",
    { parameters: () => [{ name: "pace", shape: [null], initial: "ones" }] },
    'parameter "attn.pace" of mine should have a shape of positive integers, got [null]',
  ],
  [
    "two parameters of one name",
    {
      parameters: () =>
        [1, 2].map(() => ({ name: "pace", shape: [4], initial: "ones" })),
    },
    'parameter "attn.pace" of mine should be the only one of that name',
  ],
  [
    "an unknown layout",
    {
      parameters: () => [
        { name: "pace", shape: [4], initial: "ones", layout: "torch" },
      ],
    },
    'should have the layout "same", "linear" or "patches", got "torch"',
  ],
  [
    "no list of parameters",
    { parameters: () => ({ pace: [4] }) },
    "parameters of a mixer or a decay should be a list, got",
  ],
  [
    "one vector a sequence",
    { apply: (x: tf.Tensor) => tf.mean(x, 1) },
    "mine's mixer's output should have shape [batch, length, dim] = [2, 3, 4], got [2, 4]",
  ],
  [
    "a parameter without a name",
    { parameters: () => [{ shape: [4], initial: "ones" }] },
    'parameters of mine should each have a name, got {"shape":[4],"initial":"ones"}',
  ],
  [
    "an input that is disposed of",
    {
      apply: (x: tf.Tensor) => {
        const y = tf.mul(x, 2);
        x.dispose();
        return y;
      },
    },
    "mine's mixer should not dispose of what it is passed, but disposed of its x",
  ],
  [
    "whole numbers",
    { apply: (x: tf.Tensor) => tf.cast(x, "int32") },
    "mine's mixer's output should be float32, which has gradients, got int32",
  ],
  [
    "no tensor",
    { apply: () => undefined },
    "mine's mixer's output should be a tensor of shape [batch, length, dim], got undefined",
  ],
];

for (const [name, part, message] of MISTAKES) {
  onEachBackend(`${name} in an own mixer is named`, () => {
    tf.tidy(() => {
      const mixer = {
        ...{ ...doubling, ...part },
        ...("parameters" in part ? {} : {
          parameters: () => [{ name: "pace", shape: [4], initial: "ones" }],
        }),
      } as Mixer;
      const block = lionBlock({ mixer, name: "mine" });
      assertThrows(() => block.apply(tf.ones([2, 3, 4])), Error, message);
      block.weights.forEach((weight) => weight.dispose());
    });
  }, ["cpu"]);
}

onEachBackend(
  "generate() leaves alone what an own mixer was given and has as its state",
  async () => {
    const states: NonNullable<Mixer["step"]>[] = [
      (x, _, state = { n: tf.zeros([1]) }) => ({ y: x, state }),
      (x, parameters) => ({ y: x, state: { pace: parameters("pace") } }),
      (x) => ({ y: x, state: { x } }),
    ];
    for (const step of states) {
      const mixer: Mixer = {
        ...{ ...doubling, step },
        parameters: () => [{ name: "pace", shape: [8], initial: "ones" }],
      };
      const model = lionGpt({ ...SIZES, mixer, vocabularySize: 5 });
      const options = {
        maxNewTokens: 2,
        temperature: 0,
        returnState: true as const,
      };
      const first = await generate(model, [1, 2], options);
      for (let i = 0; i < 2; i++) {
        const { state } = first;
        const next = await generate(model, [], { ...options, state });
        assertEquals(next.tokens.length, 2);
        next.state.dispose();
      }
      first.state.dispose();
      model.dispose();
    }
  },
  ["cpu"],
);

onEachBackend("a parameter that an own mixer disposes of is named", () => {
  tf.tidy(() => {
    const mixer: Mixer = {
      ...doubling,
      parameters: () => [{ name: "pace", shape: [4], initial: "ones" }],
      apply(x, parameters) {
        const pace = parameters("pace");
        const y = tf.mul(x, pace);
        pace.dispose();
        return y as tf.Tensor3D;
      },
    };
    const block = lionBlock({ mixer, mlpRatio: 0, name: "mine" });
    assertThrows(
      () => block.apply(tf.ones([2, 3, 4])),
      TypeError,
      "mine's mixer should not dispose of what it is passed, but disposed of its parameter pace",
    );
    const left = block.weights.filter(({ originalName }) =>
      !originalName.endsWith("pace")
    );
    left.forEach((weight) => weight.dispose());
  });
}, ["cpu"]);

onEachBackend("what is no decay in an own decay is named", () => {
  const block = (decay: unknown) =>
    lionBlock({ decay: decay as LearnedDecay, numHeads: 2 });
  const cases: [unknown, string][] = [
    [
      () => undefined,
      "what a custom decay returns should be made by noDecay, fixedDecay",
    ],
    [
      () => tf.zeros([2]),
      "diagonalDecay or bidirectionalDecay, got a tensor of shape [2]",
    ],
    [
      { parameters: () => [], decay: () => ({ kind: "mine" }) },
      'got {"kind":"mine"}',
    ],
    [
      () => fixedDecay(tf.zeros([3])),
      "fixedDecay's logDecay should have shape [heads] = [2], got [3]",
    ],
    [() => fixedDecay(tf.tensor1d([0.9, 0.5])), "all <= 0, got 0.89999997"],
  ];
  for (const [decay, message] of cases) {
    tf.tidy(() => {
      const one = block(decay);
      assertThrows(() => one.apply(tf.ones([2, 3, 4])), Error, message);
      one.weights.forEach((weight) => weight.dispose());
    });
  }
}, ["cpu"]);

onEachBackend("forms are set and described of models in models", async () => {
  const make = () =>
    lionEncoder({
      ...{ ...SIZES, numHeads: 2, inputDim: 3, numClasses: 4 },
      ...{ variant: "s", output: "tokens" } as const,
    });
  const inner = make();
  const values = input({ shape: [null, 3] }), mask = input({ shape: [null] });
  const between = inner.apply([values, mask]) as typeof values;
  const block = lionBlock({ variant: "d", numHeads: 2 });
  const after = block.apply(between) as typeof values;
  const head = layers.dense({ units: 1 });
  const model = modelOf({
    inputs: [values, mask],
    outputs: head.apply(after) as typeof values,
  });
  const shapes = [[2, 9, 3], [2, 9]];
  const parts = modelSummary(inner, shapes),
    whole = modelSummary(model, shapes);
  assertEquals(whole.parameters, model.countParams());
  assert(whole.forms.full!.operations > parts.forms.full!.operations);
  // A layer of the same kind, of as many columns but four, beside the two.
  assert(whole.forms.full!.attentionBytes > parts.forms.full!.attentionBytes);

  const x = [tf.tensor3d(array(54, uniform(3)), [2, 9, 3]), tf.ones([2, 9])];
  const answers: Float32Array[] = [];
  for (const form of ["full", "recurrent", "chunkwise"] as const) {
    setForm(model, form, 4);
    const blocks = [...inner.layers, block].filter((layer) =>
      layer instanceof MixingLayer
    );
    assertEquals(
      blocks.map(({ attention }) => attention.form),
      [form, form, form],
    );
    const y = model.predict(x) as tf.Tensor;
    answers.push(await y.data<"float32">());
    y.dispose();
  }
  const largest = Math.max(...answers[0]!.map(Math.abs));
  for (const answer of answers) {
    answer.forEach((value, i) =>
      assertLess(Math.abs(value - answers[0]![i]!), 1e-5 * largest)
    );
  }
  model.dispose();
  tf.dispose(x);
}, ["wasm", "cpu"]);
