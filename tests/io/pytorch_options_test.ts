/** States of others' models, and parts of models. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  loadPyTorchWeights,
  type LoadPyTorchWeightsOptions,
  toPyTorchWeights,
} from "../../lib/io/mod.ts";
import { lionBert, type LionBertOptions, lionGpt } from "../../mod.ts";
import { withWeights } from "../models/weights.ts";
import { onCpu } from "./files.ts";

const SIZES = { dim: 8, depth: 2, numHeads: 2, vocabularySize: 7 } as const;

const bert = (options: Partial<LionBertOptions> = {}) =>
  lionBert({ ...SIZES, maxLength: 5, variant: "softmax", ...options });

/** The shapes of Hugging Face's BertForPreTraining, by their names. */
function bertShapes(
  { old = false } = {},
): Record<string, number[]> {
  const [weight, bias] = old ? ["gamma", "beta"] : ["weight", "bias"];
  const norm = (name: string) => ({
    [`${name}.LayerNorm.${weight}`]: [8],
    [`${name}.LayerNorm.${bias}`]: [8],
  });
  const dense = (name: string, outputs = 8, inputs = 8) => ({
    [`${name}.weight`]: [outputs, inputs],
    [`${name}.bias`]: [outputs],
  });
  const layer = (i: number) => {
    const name = `bert.encoder.layer.${i}`;
    return {
      ...dense(`${name}.attention.self.query`),
      ...dense(`${name}.attention.self.key`),
      ...dense(`${name}.attention.self.value`),
      ...dense(`${name}.attention.output.dense`),
      ...norm(`${name}.attention.output`),
      ...dense(`${name}.intermediate.dense`, 32),
      ...dense(`${name}.output.dense`, 8, 32),
      ...norm(`${name}.output`),
    };
  };
  return {
    "bert.embeddings.position_ids": [1, 5],
    "bert.embeddings.word_embeddings.weight": [7, 8],
    "bert.embeddings.position_embeddings.weight": [5, 8],
    "bert.embeddings.token_type_embeddings.weight": [2, 8],
    ...norm("bert.embeddings"),
    ...layer(0),
    ...layer(1),
    ...dense("bert.pooler.dense"),
    "cls.predictions.bias": [7],
    ...dense("cls.predictions.transform.dense"),
    ...norm("cls.predictions.transform"),
    ...dense("cls.seq_relationship", 2),
  };
}

/** Tensors of these shapes, each full of a number of its own. */
function stateOf(shapes: Record<string, number[]>): Map<string, tf.Tensor> {
  return new Map(
    Object.entries(shapes).map((
      [name, shape],
      i,
    ) => [name, tf.fill(shape, i + 1)]),
  );
}

function rename(
  shapes: Record<string, number[]>,
  change: (name: string) => string | undefined,
): Record<string, number[]> {
  const renamed = Object.entries(shapes).map(([name, shape]) =>
    [change(name), shape] as const
  );
  return Object.fromEntries(renamed.filter(([name]) => name !== undefined));
}

/** The first number of each weight, by its name. */
async function firstOf(model: LayersModel): Promise<Map<string, number>> {
  const weights = toPyTorchWeights(model);
  const values = await Promise.all(
    [...weights].map(async ([name, tensor]) =>
      [name, (await tensor.data())[0]!] as const
    ),
  );
  tf.dispose([...weights.values()]);
  return new Map(values);
}

/** Loads, and checks each weight that the state has and each one that it has not. */
async function loads(
  model: LayersModel,
  shapes: Record<string, number[]>,
  options: LoadPyTorchWeightsOptions,
  nameOf: (origin: string) => string = (name) => name,
): Promise<{ missing: string[]; unused: string[] }> {
  await withWeights(model, 7);
  const before = await firstOf(model);
  const state = stateOf(shapes);
  const skipped = await loadPyTorchWeights(model, state, options);
  const after = await firstOf(model);
  const used = new Set<string>();
  for (const [i, origin] of Object.keys(shapes).entries()) {
    if (skipped.unused.includes(origin)) continue;
    assertEquals(after.get(nameOf(origin)), i + 1, origin);
    used.add(nameOf(origin));
  }
  for (const [name, value] of after) {
    if (
      used.has(name) || name.includes(".decoder.") || name === "lm_head.weight"
    ) {
      continue;
    }
    assert(skipped.missing.includes(name), name);
    assertEquals(value, before.get(name), name);
  }
  tf.dispose([...state.values()]);
  model.dispose();
  return { ...skipped };
}

const modern = (name: string) =>
  name.replace(/gamma$/, "weight").replace(/beta$/, "bias");

for (const old of [false, true]) {
  onCpu(
    `Hugging Face's BERT loads, ${old ? "old" : "new"} names`,
    async () => {
      const skipped = await loads(bert(), bertShapes({ old }), {
        ignore: ["bert.pooler", "cls.seq_relationship"],
      }, modern);
      assertEquals(skipped, {
        missing: [],
        unused: [
          "bert.embeddings.position_ids",
          "bert.pooler.dense.weight",
          "bert.pooler.dense.bias",
          "cls.seq_relationship.weight",
          "cls.seq_relationship.bias",
        ],
      });
    },
  );
}

onCpu("a pretrained BERT becomes a classifier in one call", async () => {
  const classifier = bert({ head: "classification", numClasses: 3 });
  const { missing, unused } = await loads(classifier, bertShapes(), {
    allowMissing: "classifier",
    ignore: "cls",
  });
  assertEquals(missing, ["classifier.weight", "classifier.bias"]);
  assertEquals(
    unused.filter((name) => !name.startsWith("cls.")),
    ["bert.embeddings.position_ids"],
  );
});

onCpu("a BERT without a head, and without its name, loads", async () => {
  const bare = rename(
    bertShapes(),
    (name) => name.startsWith("bert.") ? name.slice(5) : undefined,
  );
  const { missing, unused } = await loads(
    bert({ head: "classification" }),
    bare,
    { allowMissing: true },
    (name) => `bert.${name}`,
  );
  assertEquals(missing, ["classifier.weight", "classifier.bias"]);
  assertEquals(unused, ["embeddings.position_ids"]);
});

onCpu("a head of other classes is left out, and stays new", async () => {
  const tuned = {
    ...bertShapes(),
    "classifier.weight": [2, 8],
    "classifier.bias": [2],
  };
  const { missing, unused } = await loads(
    bert({ head: "classification", numClasses: 3 }),
    tuned,
    { allowMissing: "classifier", ignore: ["cls", /^classifier/] },
  );
  assertEquals(missing, ["classifier.weight", "classifier.bias"]);
  assert(unused.includes("classifier.bias"));
});

onCpu("LION's own weights stay where softmax has none", async () => {
  const { missing } = await loads(bert({ variant: "s" }), bertShapes(), {
    allowMissing: /attention\.self\.(Wa_i|ai)/,
    ignore: true,
  });
  assert(missing.length > 0);
  assert(missing.every((name) => name.includes("attention.self.")));
});

onCpu("parts of a weight may be missing", async () => {
  const some = rename(
    bertShapes(),
    (name) => name.includes("self.key") ? undefined : name,
  );
  const { missing } = await loads(bert(), some, {
    allowMissing: true,
    ignore: true,
  });
  assertEquals(
    missing,
    [0, 1].flatMap((i) =>
      ["weight", "bias"].map((part) =>
        `bert.encoder.layer.${i}.attention.self.key.${part}`
      )
    ),
  );
});

onCpu("GPT-2 loads with its masks, with and without its name", async () => {
  const gpt = () => lionGpt({ ...SIZES, maxLength: 5, variant: "softmax" });
  const model = gpt();
  const own = toPyTorchWeights(model);
  const shapes: Record<string, number[]> = {};
  for (const [name, { shape }] of own) shapes[name] = shape;
  tf.dispose([...own.values()]);
  model.dispose();
  delete shapes["lm_head.weight"];
  for (const i of [0, 1]) {
    shapes[`transformer.h.${i}.attn.bias`] = [1, 1, 5, 5];
    shapes[`transformer.h.${i}.attn.masked_bias`] = [];
  }
  const { missing, unused } = await loads(gpt(), shapes, {});
  assertEquals([missing.length, unused.length], [0, 4]);
  const bare = rename(shapes, (name) => name.replace("transformer.", ""));
  const skipped = await loads(gpt(), bare, {}, (name) => `transformer.${name}`);
  assertEquals(skipped.unused.length, 4);
  // Of the table that both share, a file may have saved the head's.
  const tied = rename(
    shapes,
    (name) => name === "transformer.wte.weight" ? "lm_head.weight" : name,
  );
  const shared = await loads(
    gpt(),
    tied,
    {},
    (name) => name.replace("lm_head", "transformer.wte"),
  );
  assertEquals(shared.missing, []);
});

onCpu("tensors are renamed by their modules, or one by one", async () => {
  const shapes = bertShapes();
  const foreign = rename(
    shapes,
    (name) => `module.${name.replace(/^bert\./, "roberta.")}`,
  );
  const nameOf = (name: string) =>
    name.replace("module.", "").replace("roberta", "bert");
  const ignore = true;
  for (
    const rename of [
      nameOf,
      { "module.roberta": "bert", module: "" },
    ]
  ) {
    const { missing } = await loads(
      bert(),
      foreign,
      { ignore, rename },
      nameOf,
    );
    assertEquals(missing, []);
  }
  const inner = rename(
    shapes,
    (name) => name.startsWith("bert.") ? name.replace("bert.", "") : name,
  );
  await loads(
    bert(),
    inner,
    { ignore, rename: { cls: "cls", "": "bert" } },
    (name) => name.startsWith("cls.") ? name : `bert.${name}`,
  );
});

onCpu("what does not fit is named, and changes nothing", async () => {
  const model = bert();
  await withWeights(model, 8);
  const before = await firstOf(model);
  const shapes = bertShapes();
  const refuses = async (
    shapes: Record<string, number[]>,
    options: LoadPyTorchWeightsOptions,
    lines: string[],
  ) => {
    const state = stateOf(shapes);
    const { message } = await assertRejects(
      () => loadPyTorchWeights(model, state, options),
      RangeError,
      "the weights do not fit model lion_bert, which was not changed:",
    );
    assertEquals(message.split("\n").slice(1), lines);
    tf.dispose([...state.values()]);
    assertEquals(await firstOf(model), before);
  };
  await refuses(shapes, {}, [
    "- bert.pooler.dense.bias [8] is not the model's; ignore skips it",
    "- bert.pooler.dense.weight [8,8] is not the model's; ignore skips it",
    "- cls.seq_relationship.bias [2] is not the model's; ignore skips it",
    "- cls.seq_relationship.weight [2,8] is not the model's; ignore skips it",
  ]);
  await refuses(shapes, { ignore: ["bert.pooler", "cls"] }, [
    "- cls.predictions.bias [7] is missing; allowMissing keeps its values",
    "- cls.predictions.transform.LayerNorm.bias [8] is missing; allowMissing keeps its values",
    "- cls.predictions.transform.LayerNorm.weight [8] is missing; allowMissing keeps its values",
    "- cls.predictions.transform.dense.bias [8] is missing; allowMissing keeps its values",
    "- cls.predictions.transform.dense.weight [8,8] is missing; allowMissing keeps its values",
  ]);
  await refuses(
    { ...shapes, "cls.predictions.bias": [8] },
    { ignore: true },
    ["- cls.predictions.bias should have shape [7], got [8]"],
  );
  await refuses(
    { ...shapes, "embeddings.LayerNorm.bias": [8] },
    { ignore: true },
    [
      "- embeddings.LayerNorm.bias and bert.embeddings.LayerNorm.bias are both bert.embeddings.LayerNorm.bias",
    ],
  );
  await refuses({ x: [1] }, { ignore: true, allowMissing: true }, [
    "- none of the 1 tensors is the model's; rename can change their names",
  ]);
  const wrongKinds: [LoadPyTorchWeightsOptions, string][] = [
    [{ allowMissed: true } as LoadPyTorchWeightsOptions, "allowMissed"],
    [{ ignore: 7 as unknown as string }, "ignore should be true, a name"],
    [{ allowMissing: [null] as unknown as string }, "allowMissing should be"],
    [
      { rename: "bert" as unknown as object as Record<string, string> },
      "rename should be",
    ],
    [
      { rename: { a: 1 } as unknown as Record<string, string> },
      "rename should be",
    ],
    [{ rename: () => undefined as unknown as string }, "rename should return"],
  ];
  const state = stateOf({ x: [1] });
  for (const [options, message] of wrongKinds) {
    await assertRejects(
      () => loadPyTorchWeights(model, state, options),
      TypeError,
      message,
    );
  }
  tf.dispose([...state.values()]);
  model.dispose();
});
