/** Options that had other names before: files are read, callers are told. @module */
import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { loadLayersModel } from "@tensorflow/tfjs-layers";
import {
  lionAttentionLayer,
  lionBert,
  lionBlock,
  lionEncoder,
  lionGpt,
  lionViT,
} from "../../mod.ts";
import { MixingLayer } from "../../lib/layers/mod.ts";
import { assertSameRun } from "../../lib/training/run_identity.ts";
import { onEachBackend } from "../backends.ts";

const SIZES = { dim: 8, depth: 2, numHeads: 2 } as const;

const sequences = () =>
  lionEncoder({
    ...{ ...SIZES, variant: "s", inputDim: 3, numClasses: 2, seed: 1 },
    direction: "forward",
    diagonalDecay: "hippo",
  });
const both = () =>
  lionEncoder({
    ...{ ...SIZES, variant: "d", inputDim: 3, numClasses: 2, seed: 2 },
    countSelf: "twice",
  });
const text = () =>
  lionGpt({ ...SIZES, vocabularySize: 7, maxLength: 9, variant: "s", seed: 3 });

const numbers = () =>
  tf.tidy(() => tf.reshape(tf.linspace(-1, 1, 24), [2, 4, 3]));
const ids = () => tf.tensor2d([[1, 2, 3], [4, 5, 6]], [2, 3], "int32");

/** Models, their inputs, and what each new name in their files was before. */
const MODELS = {
  "causal, of diagonal decays": {
    make: sequences,
    inputs: () => [numbers(), tf.ones([2, 4])],
    before: {
      '"direction":"forward"': '"causal":true',
      '"diagonal_decay":"hippo"': '"decay_init":"hippo"',
    },
  },
  "with the diagonal twice": {
    make: both,
    inputs: () => [numbers(), tf.ones([2, 4])],
    before: { '"count_self":"twice"': '"diagonal":"twice"' },
  },
  "with both names of causal": {
    make: text,
    inputs: () => [ids()],
    before: { '"direction":"forward"': '"causal":true,"direction":"forward"' },
  },
  "not causal": {
    make: both,
    inputs: () => [numbers(), tf.ones([2, 4])],
    before: { '"count_self":"twice"': '"diagonal":"twice","causal":false' },
  },
};

for (const [name, { make, inputs, before }] of Object.entries(MODELS)) {
  onEachBackend(
    `a model that an earlier version saved is loaded: ${name}`,
    async () => {
      const model = make();
      const artifacts: tf.io.ModelArtifacts[] = [];
      await model.save(tf.io.withSaveHandler((saved) => {
        artifacts.push(saved);
        return Promise.resolve({
          modelArtifactsInfo: {
            dateSaved: new Date(0),
            modelTopologyType: "JSON" as const,
          },
        });
      }));
      const [saved] = artifacts;
      let topology = JSON.stringify(saved!.modelTopology);
      for (const [now, then] of Object.entries(before)) {
        const parts = topology.split(now);
        assertEquals(parts.length, 1 + SIZES.depth, now);
        topology = parts.join(then);
      }
      const loaded = await loadLayersModel(tf.io.fromMemory({
        ...saved!,
        modelTopology: JSON.parse(topology),
      }));
      const attentions = [model, loaded].map(({ layers }) =>
        layers.filter((layer) => layer instanceof MixingLayer)
          .map(({ attention }) => attention)
      );
      assertEquals(attentions[1], attentions[0]);
      const given = inputs();
      const [expected, actual] = [model, loaded].map((model) =>
        model.predict(given) as tf.Tensor
      );
      assertEquals(await actual!.data(), await expected!.data());
      tf.dispose([...given, expected!, actual!]);
      model.dispose();
      loaded.dispose();
    },
    ["cpu"],
  );
}

Deno.test("a checkpoint of an earlier version is of the same run", () => {
  const now = {
    seed: "1",
    "direction of layer 3, a LionBlock": '"forward"',
    "countSelf of layer 4, a LionBlock": '"twice"',
    "diagonalDecay of layer 4, a LionBlock": '"random"',
  };
  const run = {
    seed: "1",
    "causal of layer 3, a LionBlock": "true",
    "causal of layer 4, a LionBlock": "false",
    "diagonal of layer 4, a LionBlock": '"twice"',
    "decayInit of layer 4, a LionBlock": '"random"',
  };
  assertSameRun({ path: "step-000007", run }, now);
  assertThrows(
    () =>
      assertSameRun({ path: "step-000007", run }, {
        ...now,
        "direction of layer 3, a LionBlock": '"backward"',
      }),
    RangeError,
    'direction of layer 3, a LionBlock was "forward", is "backward"',
  );
});

Deno.test("who writes an old name is told the new one", () => {
  const old = [
    [{ causal: true }, 'any more; write direction: "forward" instead'],
    [{ causal: false }, 'any more; write direction: "forward" instead'],
    [{ diagonal: "twice" }, 'write countSelf: "once" or "twice" instead'],
    [{ decayInit: "hippo" }, 'write diagonalDecay: "hippo" or "random"'],
  ] as const;
  const makers: Record<string, (options: object) => unknown> = {
    LionAttention: (options) => lionAttentionLayer(options),
    LionBlock: (options) => lionBlock(options),
    lionViT: (options) => lionViT(options as never),
    lionBert: (options) => lionBert(options as never),
    lionEncoder: (options) => lionEncoder(options as never),
  };
  for (const [name, make] of Object.entries(makers)) {
    for (const [options, message] of old) {
      assertThrows(
        () => make({ ...SIZES, variant: "s", ...options }),
        TypeError,
        `${name} has no option "${Object.keys(options)[0]}" ${
          message.startsWith("any") ? "" : "any more; "
        }${message}`,
      );
    }
  }
  assertThrows(
    () => lionGpt({ ...SIZES, variant: "s", decayInit: "hippo" } as never),
    TypeError,
    'lionGpt has no option "decayInit" any more; write diagonalDecay',
  );
  // It never had that one.
  assertThrows(
    () => lionGpt({ ...SIZES, variant: "s", causal: true } as never),
    TypeError,
    'lionGpt has no option "causal"',
  );
});
