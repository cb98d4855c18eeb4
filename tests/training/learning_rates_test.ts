/** Learning rates of single weights. @module */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import * as tfl from "@tensorflow/tfjs-layers";
import { lionBert, lionViT } from "../../mod.ts";
import {
  layerwiseDecay,
  type OptimizerOptions,
  train,
  type TrainOptions,
} from "../../lib/training/mod.ts";
import { onEachBackend } from "../backends.ts";
import { onCpu } from "../io/files.ts";
import {
  tinyData,
  tinyModel,
  tinyOptions,
  weightsOf,
  withFolder,
} from "./tiny.ts";

const OPTIMIZER: OptimizerOptions = {
  learningRate: (step) => 0.02 / step,
  weightDecay: 0.1,
  accumulate: 1,
  // Else other groups have a norm that is rounded otherwise.
  clipNorm: Infinity,
};

/** The weights by name after some steps. */
async function trained(
  steps: number,
  optimizer: OptimizerOptions,
  change: (model: LayersModel) => void = () => {},
): Promise<Record<string, number[]>> {
  const model = tinyModel({ depth: 1 });
  change(model);
  await train(model, tinyData(), {
    ...tinyOptions({ steps, ema: undefined }),
    optimizer: { ...OPTIMIZER, ...optimizer },
  });
  const values = await weightsOf(model);
  const named = model.weights.map(({ originalName }, i) =>
    [originalName, values[i]!] as const
  );
  model.dispose();
  return Object.fromEntries(named);
}

const half = { learningRate: (step: number) => 0.01 / step };

onEachBackend("each weight has the learning rate of its factor", async () => {
  const isHead = (name: string) => name.startsWith("head");
  const factor = (name: string) => isHead(name) ? 1 : 0.5;
  const mixed = await trained(1, { learningRateFactor: factor });
  const [whole, halved] = [await trained(1, {}), await trained(1, half)];
  const names = Object.keys(whole);
  assert(names.some(isHead) && !names.every(isHead));
  for (const name of names) {
    assertEquals(mixed[name], (isHead(name) ? whole : halved)[name], name);
  }
  assertEquals(
    await trained(6, { learningRateFactor: () => 0.5 }),
    await trained(6, half),
  );
});

onCpu("a factor of 0 keeps weights, and what is frozen stays so", async () => {
  const isHead = (name: string) => name.startsWith("head");
  const asked: string[] = [];
  const frozen = await trained(4, {
    learningRateFactor: (name) => {
      asked.push(name);
      return isHead(name) ? 0 : 1;
    },
  }, (model) => {
    model.layers.find(({ name }) => name === "norm" || name === "embeddings")!
      .trainable = false;
  });
  const model = tinyModel({ depth: 1 });
  const before = await weightsOf(model);
  let moved = 0;
  model.weights.forEach(({ originalName: name }, i) => {
    const isKept = isHead(name) || !asked.includes(name);
    if (isKept) assertEquals(frozen[name], before[i], name);
    else moved++;
  });
  assert(moved > 0 && asked.length < model.weights.length);
  model.dispose();
});

onCpu("rates by layer fall towards the input", () => {
  const bert = lionBert({
    ...{ vocabularySize: 9, dim: 4, depth: 2, numHeads: 2, variant: "s" },
    ...{ head: "classification", norm: "pre" },
  });
  const vit = lionViT({
    ...{ imageSize: 8, patchSize: 4, dim: 4, depth: 2, numHeads: 2 },
    ...{ numClasses: 2, variant: "s" },
  });
  const expected: [LayersModel, RegExp, number][] = [
    [bert, /^bert\.embeddings/, 0.125],
    [bert, /^bert\.encoder\.layer\.0/, 0.25],
    [bert, /^bert\.encoder\.layer\.1/, 0.5],
    [bert, /^(bert\.LayerNorm|bert\.pooler|classifier)/, 1],
    [vit, /^(patch_embed|pos_embed|cls_token)/, 0.125],
    [vit, /^blocks\.0/, 0.25],
    [vit, /^blocks\.1/, 0.5],
    [vit, /^(norm|head)/, 1],
  ];
  for (const model of [bert, vit]) {
    const factor = layerwiseDecay(model, 0.5);
    for (const { originalName: name } of model.weights) {
      const found = expected.filter(([of, pattern]) =>
        of === model && pattern.test(name)
      );
      assertEquals([name, found.length], [name, 1]);
      assertEquals([name, factor(name)], [name, found[0]![2]]);
    }
  }
  assertThrows(
    () => layerwiseDecay(bert, 0.5)("other"),
    RangeError,
    'name should be that of a weight of model lion_bert, got "other"',
  );
  for (const wrong of [0, 1.5, NaN]) {
    assertThrows(
      () => layerwiseDecay(bert, wrong),
      RangeError,
      `decay should be above 0, and 1 or less, got ${wrong}`,
    );
  }
  for (const wrong of [null, undefined, "bert", {}]) {
    assertThrows(
      () => layerwiseDecay(wrong as unknown as tfl.LayersModel, 0.5),
      TypeError,
      "layerwiseDecay's model should be a model, such as lionEncoder makes",
    );
  }
  const plain = tfl.sequential({
    layers: [tfl.layers.dense({ units: 1, inputShape: [1] })],
  });
  assertThrows(
    () => layerwiseDecay(plain, 0.5),
    TypeError,
    "should have LION blocks, got none; pass your own function",
  );
  for (const model of [bert, vit, plain]) model.dispose();
});

onCpu(
  "a run goes on with its factors, and with no others",
  () =>
    withFolder(async (folder) => {
      const run = async (
        path: string,
        factors: readonly number[],
        options: Partial<TrainOptions> = {},
      ) => {
        const model = tinyModel({ depth: 1 });
        try {
          const result = await train(model, tinyData(), {
            ...tinyOptions({
              checkpoints: { folder: `${folder}/${path}`, resume: true },
              ...options,
            }),
            optimizer: {
              ...OPTIMIZER,
              learningRateFactor: (name) => factors[name.length % 2]!,
            },
          });
          return [...result.losses, ...(await weightsOf(model)).flat()];
        } finally {
          model.dispose();
        }
      };
      const whole = await run("whole", [1, 0.25]);
      await run("parted", [1, 0.25], { steps: 7 });
      const rest = await run("parted", [1, 0.25]);
      assertEquals(rest, whole.slice(7));
      await assertRejects(
        () => run("parted", [1, 0.5]),
        RangeError,
        "learningRateFactor of weight",
      );
      await assertRejects(
        () => run("other", [1, -1]),
        RangeError,
        "should be 0 or more, got -1",
      );
    }),
);
