/** Directories of models compute what their config.json says, or are refused by name. @module */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import process from "node:process";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { trainTokenizer } from "../../lib/data/mod.ts";
import {
  fromPretrained,
  type LionConfig,
  savePretrained,
} from "../../lib/hub/mod.ts";
import type { FromPretrainedOptions } from "../../lib/hub/pretrained/from_pretrained.ts";
import {
  classNames,
  fixedDecay,
  lionBert,
  lionEncoder,
  lionGpt,
  lionViT,
  registerDecay,
  setClassNames,
} from "../../mod.ts";
import { readSafetensors } from "../../lib/io/mod.ts";
import { onEachBackend, TOLERANCE } from "../backends.ts";
import { namesIn, onCpu, withFolder } from "../io/files.ts";
import {
  BERT,
  GPT2,
  IMAGE,
  STATES,
  TEXT,
  VIT,
  without,
  writeModel,
} from "./directories.ts";
import {
  bertForMaskedLM,
  bertForSequenceClassification,
  type Config,
  gpt2,
  type State,
  vit,
} from "./hugging_face.ts";
import { startHub } from "./hub_server.ts";

const textInputs = () => [
  tf.tensor2d([TEXT.ids], [1, 6], "int32"),
  tf.tensor2d([TEXT.mask], [1, 6]),
  tf.tensor2d([TEXT.types], [1, 6], "int32"),
];

/** What a model answers, flat. */
async function answerOf(
  model: LayersModel,
  inputs: tf.Tensor[],
): Promise<number[]> {
  const y = model.predict(inputs) as tf.Tensor;
  const values = Array.from(await y.data());
  tf.dispose([y, ...inputs]);
  return values;
}

/** Reads a model from a folder, and what it answers. */
async function answerFrom(
  folder: string,
  inputs: () => tf.Tensor[],
  options: FromPretrainedOptions = {},
): Promise<number[]> {
  const { model } = await fromPretrained(folder, options);
  try {
    return await answerOf(model, inputs());
  } finally {
    model.dispose();
  }
}

function assertClose(
  answer: readonly number[],
  wanted: readonly number[],
  tolerance: number,
): void {
  assertEquals(answer.length, wanted.length);
  const largest = Math.max(1, ...wanted.map(Math.abs));
  wanted.forEach((value, i) =>
    assertAlmostEquals(answer[i]!, value, tolerance * largest)
  );
}

interface Case {
  readonly config: Config;
  readonly state: State;
  readonly inputs: () => tf.Tensor[];
  readonly wanted: (state: State, config: Config) => readonly number[];
}

/** The answer for the tokens that are no padding is what counts. */
const CASES: Record<string, Case> = {
  "BERT, masked tokens": {
    config: BERT,
    state: without(STATES.bert, /^classifier/),
    inputs: textInputs,
    wanted: (state, config) => bertForMaskedLM(state, config, TEXT).flat(),
  },
  "BERT, classes, tanh": {
    config: {
      ...BERT,
      architectures: ["BertForSequenceClassification"],
      hidden_act: "gelu_new",
      id2label: { 0: "a", 1: "b", 2: "c" },
    },
    state: without(STATES.bert, /^cls/),
    inputs: textInputs,
    wanted: (state, config) =>
      bertForSequenceClassification(state, config, TEXT),
  },
  "GPT-2": {
    config: GPT2,
    state: STATES.gpt2,
    inputs:
      () => [tf.tensor2d([TEXT.ids.map((id) => id % 17)], [1, 6], "int32")],
    wanted: (state, config) =>
      gpt2(state, config, TEXT.ids.map((id) => id % 17)).flat(),
  },
  "GPT-2, exact GELU": {
    config: { ...GPT2, activation_function: "gelu", n_inner: 48 },
    state: STATES.gpt2,
    inputs: () => [tf.tensor2d([[1, 2, 3]], [1, 3], "int32")],
    wanted: (state, config) => gpt2(state, config, [1, 2, 3]).flat(),
  },
  ViT: {
    config: VIT,
    state: STATES.vit,
    inputs: () => [tf.tensor4d([IMAGE])],
    wanted: (state, config) => vit(state, config, IMAGE),
  },
};

for (const [name, { config, state, inputs, wanted }] of Object.entries(CASES)) {
  onEachBackend(
    `fromPretrained() computes what Python does: ${name}`,
    (backend) =>
      withFolder(async (folder) => {
        await writeModel(folder, config, state);
        const tokens = name.startsWith("BERT, masked") ? 5 * 21 : undefined;
        const answer = await answerFrom(folder, inputs);
        assertClose(
          answer.slice(0, tokens),
          wanted(state, config).slice(0, tokens),
          TOLERANCE[backend].forward,
        );
        // A base model's file has no prefix, old ones have other words.
        const old = new Map(
          [...state].map(([name, weight]) => [
            name.replace(/^(bert|transformer|vit)\./, "")
              .replace("LayerNorm.weight", "LayerNorm.gamma"),
            weight,
          ]),
        );
        await writeModel(folder, config, old);
        assertClose(await answerFrom(folder, inputs), answer, 1e-6);
      }),
  );
}

for (const [name, { config, state, inputs }] of Object.entries(CASES)) {
  onCpu(
    `savePretrained() writes Hugging Face's names, in shards too: ${name}`,
    () =>
      withFolder(async (folder) => {
        await writeModel(folder, config, state);
        const { model, config: read } = await fromPretrained(folder);
        assertEquals(read as unknown, JSON.parse(JSON.stringify(config)));
        const answer = await answerOf(model, inputs());
        for (const maxShardBytes of [1000, 5e9]) {
          await savePretrained(folder, { model, config: read, maxShardBytes });
          assertEquals(await answerFrom(folder, inputs), answer);
          assertEquals(
            JSON.parse(await Deno.readTextFile(`${folder}/config.json`)),
            JSON.parse(JSON.stringify(config)),
          );
          const names = await namesIn(folder);
          assertEquals(
            names.includes("model.safetensors"),
            maxShardBytes === 5e9,
          );
          assertEquals(
            names.includes("model.safetensors.index.json"),
            maxShardBytes === 1000,
          );
          if (maxShardBytes !== 1000) continue;
          const index = JSON.parse(
            await Deno.readTextFile(`${folder}/model.safetensors.index.json`),
          );
          const unread = /^bert\.pooler|^cls\.seq/;
          const own = name.startsWith("BERT, masked")
            ? without(state, unread)
            : state;
          assertEquals(
            Object.keys(index.weight_map).sort(),
            [...own.keys()].sort(),
          );
        }
        model.dispose();
      }),
  );
}

const SIZES = { dim: 8, depth: 3, numHeads: 2, seed: 5 } as const;

onCpu(
  "models of this library come back with every option",
  () =>
    withFolder(async (folder) => {
      registerDecay("hub test's", () => fixedDecay(tf.tensor1d([-0.1, -0.2])));
      const ids = () => tf.tensor2d([[3, 1, 4, 1]], [1, 4], "int32");
      const mask = () => tf.tensor2d([[1, 1, 1, 0]]);
      const cases: [LionConfig, () => tf.Tensor[]][] = [
        [{
          ...{ model_type: "lion", architecture: "lionBert" },
          options: {
            ...{ ...SIZES, variant: "s", vocabularySize: 9, tokenTypes: 0 },
            ...{ maxLength: 5, norm: "pre", pooling: "mean", numClasses: 3 },
            ...{
              head: "classification",
              activation: "gelu-tanh",
              mlpRatio: 29 / 8,
            },
          },
        }, () => [ids(), mask()]],
        [{
          ...{ model_type: "lion", architecture: "lionGpt" },
          options: {
            ...{ ...SIZES, variant: "d", vocabularySize: 9 },
            ...{ diagonalDecay: "hippo", normalize: false },
          },
        }, () => [ids()]],
        [{
          ...{ model_type: "lion", architecture: "lionViT" },
          options: {
            ...{ ...SIZES, imageSize: 6, patchSize: 2, numClasses: 4 },
            ...{ variant: "lit", order: "snake", direction: "alternate" },
            ...{
              outputNorm: true,
              classToken: "none",
              positionEmbedding: false,
            },
          },
        }, () => [tf.tensor4d([IMAGE])]],
        [{
          ...{ model_type: "lion", architecture: "lionEncoder" },
          options: {
            ...{
              ...SIZES,
              decay: "hub test's",
              vocabularySize: 9,
              numClasses: 2,
            },
            ...{ output: "tokens", maxLength: 6, countSelf: "twice" },
          },
        }, () => [ids(), mask()]],
      ];
      const makers = { lionBert, lionGpt, lionViT, lionEncoder };
      for (const [config, inputs] of cases) {
        const make = makers[config.architecture] as (
          options: unknown,
        ) => LayersModel;
        const model = make(config.options);
        const answer = await answerOf(model, inputs());
        await savePretrained(folder, { model, config });
        const loaded = await fromPretrained(folder);
        assertEquals(loaded.config, JSON.parse(JSON.stringify(config)));
        assertEquals(loaded.weights.initial, []);
        assertEquals(await answerOf(loaded.model, inputs()), answer);
        // A model that is not what the config says is not written.
        for (
          const [option, message] of [
            [{ depth: 2 }, "it says depth 2, the model has 3"],
            [{ numHeads: 4 }, "it says"],
            [{ dim: 16 }, "it says"],
            [{ epsilon: 0.5 }, "it says"],
          ] as const
        ) {
          const options = { ...config.options, ...option } as never;
          await assertRejects(
            () =>
              savePretrained(folder, {
                model,
                config: { ...config, options } as LionConfig,
              }),
            RangeError,
            message,
          );
        }
        model.dispose();
        loaded.model.dispose();
      }
      // A layer's random features and decays of functions make tensors of their own.
      tf.disposeVariables();
    }),
);

onCpu(
  "what config.json says and no model here computes is refused by name",
  () =>
    withFolder(async (folder) => {
      const cases: [Config, State, Config, string][] = [
        [
          BERT,
          STATES.bert,
          { position_embedding_type: "relative_key" },
          "position_embedding_type",
        ],
        [BERT, STATES.bert, { is_decoder: true }, "is_decoder"],
        [
          BERT,
          STATES.bert,
          { hidden_act: "relu" },
          'hidden_act "gelu" or "gelu_new"',
        ],
        [BERT, STATES.bert, { pruned_heads: { 0: [1] } }, "pruned_heads"],
        [
          BERT,
          STATES.bert,
          { architectures: ["BertForQuestionAnswering"] },
          "pass head",
        ],
        [
          BERT,
          STATES.bert,
          { model_type: "roberta" },
          'model_type "lion" or "bert"',
        ],
        [BERT, STATES.bert, { hidden_size: 2 ** 30 }, "which is no axis"],
        [BERT, STATES.bert, { num_hidden_layers: 1e9 }, "depth of its weights"],
        [BERT, STATES.bert, { num_hidden_layers: 1 }, "bert.encoder.layer.1"],
        [BERT, STATES.bert, { num_hidden_layers: 3 }, "is missing"],
        [
          GPT2,
          STATES.gpt2,
          { add_cross_attention: true },
          "add_cross_attention",
        ],
        [
          GPT2,
          STATES.gpt2,
          { scale_attn_by_inverse_layer_idx: true },
          "scale_attn_by",
        ],
        [
          GPT2,
          STATES.gpt2,
          { scale_attn_weights: false },
          "scale_attn_weights",
        ],
        [
          GPT2,
          STATES.gpt2,
          { tie_word_embeddings: false },
          "tie_word_embeddings",
        ],
        [GPT2, STATES.gpt2, {
          architectures: ["GPT2ForSequenceClassification"],
        }, "architectures"],
        [GPT2, STATES.gpt2, { n_head: 5 }, "numHeads should divide"],
        [VIT, STATES.vit, { qkv_bias: false }, "qkv_bias"],
        [VIT, STATES.vit, { image_size: 8 }, "number of positions 17"],
        [VIT, STATES.vit, { image_size: [6, 6] }, "image_size"],
        [VIT, STATES.vit, { architectures: ["ViTModel"] }, "pass numClasses"],
        [VIT, STATES.vit, { id2label: { 1: "a" } }, "id2label"],
      ];
      for (const [config, state, change, message] of cases) {
        await writeModel(folder, { ...config, ...change }, state);
        const error = await assertRejects(
          () => fromPretrained(folder),
          RangeError,
        );
        assertStringIncludes(error.message, message);
      }
      await writeModel(folder, BERT, STATES.bert);
      const wrong: [object, string][] = [
        [{ variant: "softmax" }, 'variant should be "lit", "d" or "s"'],
        [{ head: "lm" }, "head should be"],
        [{ numClasses: 3 }, 'numClasses is for head "classification"'],
        [{ numClasses: 0.5 }, "numClasses should be a positive integer"],
        [{ tokenizer: "no" }, "tokenizer should be true or false"],
        [{ kind: 1 }, 'has no option "kind"'],
      ];
      for (const [options, message] of wrong) {
        await assertRejects(
          () => fromPretrained(folder, options),
          Error,
          message,
        );
      }
      await assertRejects(
        () => fromPretrained("./none"),
        RangeError,
        "neither",
      );
      await Deno.remove(`${folder}/model.safetensors`);
      await assertRejects(
        () => fromPretrained(folder),
        RangeError,
        "model.safetensors or model.safetensors.index.json, got neither",
      );
    }),
);

onCpu(
  "new heads and LION's mixers say what is new and what was kept",
  () =>
    withFolder(async (folder) => {
      const head = ["bert.pooler.dense", "classifier"].flatMap((
        name,
      ) => [`${name}.bias`, `${name}.weight`]);
      await writeModel(
        folder,
        BERT,
        without(STATES.bert, /pooler|^classifier/),
      );
      const classifier = await fromPretrained(folder, {
        ...{ head: "classification", numClasses: 5, seed: 1 },
      });
      assertEquals([...classifier.weights.initial].sort(), head);
      assert(classifier.weights.unused.includes("cls.predictions.bias"));
      assertEquals(classifier.config.model_type, "bert");

      for (const variant of ["lit", "d", "s"] as const) {
        const { model, config, weights } = await fromPretrained(folder, {
          variant,
          seed: 1,
        });
        const own = { lit: /layer_norm/, d: /\.ai$/, s: /Wa_i/ }[variant];
        assert(
          weights.initial.every((name) => own.test(name)),
          weights.initial.join(),
        );
        assertEquals(weights.initial.length, variant === "d" ? 2 : 4);
        assertEquals(weights.kept.length, 2 * 16 + 5 + 5);
        const answer = await answerOf(model, textInputs());
        assert(answer.every(Number.isFinite));
        await savePretrained(`${folder}/${variant}`, { model, config });
        assertEquals(
          await answerFrom(`${folder}/${variant}`, textInputs),
          answer,
        );
        model.dispose();
      }
      // From one variant to another, what the first one learned is left out.
      const other = await fromPretrained(`${folder}/s`, { variant: "d" });
      assert(other.weights.unused.every((name) => /Wa_i/.test(name)));
      assertEquals(other.weights.unused.length, 4);
      for (const { model } of [classifier, other]) model.dispose();

      // A language model of softmax has positions by default, and keeps them.
      const options = {
        ...SIZES,
        vocabularySize: 9,
        variant: "softmax",
      } as const;
      const own = lionGpt(options);
      await savePretrained(`${folder}/gpt`, {
        model: own,
        config: { model_type: "lion", architecture: "lionGpt", options },
      });
      const positions = await fromPretrained(`${folder}/gpt`, { variant: "d" });
      assertEquals(positions.weights.unused, []);
      assert(positions.weights.kept.includes("transformer.wpe.weight"));
      own.dispose();
      positions.model.dispose();

      await writeModel(folder, GPT2, STATES.gpt2);
      const gpt = await fromPretrained(folder, { variant: "s" });
      assert(gpt.weights.initial.every((name) => /attn\.a_i/.test(name)));
      gpt.model.dispose();
      await writeModel(folder, VIT, STATES.vit);
      const image = await fromPretrained(folder, {
        variant: "d",
        numClasses: 2,
      });
      assertEquals(classNames(image.model), undefined);
      assertEquals(image.weights.initial.length, 2 + 2);
      image.model.dispose();
    }),
);

onCpu(
  "tokenizers and names of classes go along",
  () =>
    withFolder(async (folder) => {
      const options = {
        ...SIZES,
        variant: "s",
        vocabularySize: 300,
        numClasses: 2,
      } as const;
      const config: LionConfig = {
        ...{ model_type: "lion", architecture: "lionEncoder", options },
      };
      const file = trainTokenizer(["low lower lowest"], {
        vocabularySize: 270,
      });
      const model = lionEncoder(options);
      setClassNames(model, ["cat", "dog"]);
      await Deno.writeTextFile(`${folder}/tokenizer_config.json`, "{}");
      await savePretrained(folder, { model, config, tokenizer: file });
      const one = await fromPretrained(folder);
      assertEquals(classNames(one.model), ["cat", "dog"]);
      const ids = one.tokenizer!.encode("slower");
      assertEquals(one.tokenizer!.decode(ids), "slower");
      // Its own tokenizer is written again.
      const { tokenizer } = one;
      await savePretrained(`${folder}/b`, {
        model: one.model,
        config: one.config,
        tokenizer,
      });
      // Another tokenizer's files do not stay beside it.
      assertEquals(
        (await namesIn(folder)).filter((name) => name.includes("token")),
        ["tokenizer.json"],
      );
      const two = await fromPretrained(`${folder}/b`);
      assertEquals(two.tokenizer!.encode("slower"), ids);
      assertEquals(classNames(two.model), ["cat", "dog"]);
      const wrong: [object, string][] = [
        [{ maxShardBytes: 0 }, "maxShardBytes should be a positive integer"],
        [{ tokenizer: { ...two.tokenizer } }, "whose file is not known"],
        [{ config: 1 }, "config should be an object"],
        [{ model: {} }, "model should be a model, such as"],
      ];
      for (const [option, message] of wrong) {
        await assertRejects(
          () => savePretrained(folder, { model, config, ...option }),
          Error,
          message,
        );
      }
      await writeModel(folder, VIT, STATES.vit);
      const three = await fromPretrained(folder, { tokenizer: false });
      assertEquals(classNames(three.model), ["crane", "dog", "crane (2)"]);
      const all = [model, one.model, two.model, three.model];
      all.forEach((each) => each.dispose());
    }),
);

/** A model to save, and its config. */
function saved(variant: "s" | "lit", seed: number) {
  const options = {
    ...{ ...SIZES, seed, variant, vocabularySize: 9, numClasses: 2 },
  };
  const model = lionEncoder(options);
  const config: LionConfig = {
    ...{ model_type: "lion", architecture: "lionEncoder", options },
  };
  return { model, config };
}

onCpu(
  "savePretrained() replaces a model as a whole, whatever fails meanwhile",
  () =>
    withFolder(async (folder) => {
      const [one, two] = [saved("lit", 1), saved("s", 2)];
      const contents = async () =>
        Promise.all(
          (await namesIn(folder)).map(async (name) =>
            [name, await Deno.readFile(`${folder}/${name}`)] as const
          ),
        );
      const whole = async (first: typeof one, maxShardBytes: number) => {
        await savePretrained(folder, { ...first, maxShardBytes });
        return await contents();
      };
      const later = await whole(two, 1e9);
      // More files than the later model has.
      const earlier = await whole(one, 1000);
      assert(earlier.length > later.length + 1);

      const fs = process.getBuiltinModule("node:fs/promises");
      const { rename, rm } = fs;
      const failing = async (at: number, isLast: boolean) => {
        let count = 0;
        const broken = () => Promise.reject(new Error("the disk is full"));
        fs.rename = (...call) => {
          count++;
          if (count === at || isLast && count > at) return broken();
          return rename(...call);
        };
        fs.rm = (...call) => isLast && count >= at ? broken() : rm(...call);
        try {
          await savePretrained(folder, two);
          return true;
        } catch (error) {
          assertStringIncludes((error as Error).message, "the disk is full");
          return false;
        } finally {
          Object.assign(fs, { rename, rm });
        }
      };
      for (let at = 1;; at++) {
        if (await failing(at, false)) break;
        assertEquals(await contents(), earlier, `without rename ${at}`);
        assert(at < 100);
      }
      assertEquals(await contents(), later);

      const seen = new Set<string>();
      for (let at = 1;; at++) {
        await whole(one, 1000);
        // As if the process had ended there.
        const isWhole = await failing(at, true);
        const names = (await Array.fromAsync(Deno.readDir(folder)))
          .filter(({ name }) => name.startsWith(".saving-"));
        for (const { name } of names) {
          await Deno.remove(`${folder}/${name}`, { recursive: true });
        }
        const found = await contents();
        const isThere = found.some(([name]) => name === "config.json");
        seen.add(isThere ? `${found.length}` : "refused");
        if (isThere) assertEquals(found, isWhole ? later : earlier);
        else {
          await assertRejects(
            () => fromPretrained(folder),
            RangeError,
            "config.json",
          );
        }
        if (isWhole) break;
      }
      assertEquals(seen.size, 3);

      await whole(one, 1000);
      // Nothing moves from the third file on, not even back.
      let count = 0;
      fs.rename = (...call) =>
        String(call[0]).endsWith(".tmp") || ++count < 3
          ? rename(...call)
          : Promise.reject(new Error("no room"));
      const error = await assertRejects(
        () => savePretrained(folder, two),
        Error,
      )
        .finally(() => Object.assign(fs, { rename }));
      const [, old] = /earlier files are in (.*)$/.exec(error.message)!;
      for (const name of await namesIn(old!)) {
        await Deno.rename(`${old}/${name}`, `${folder}/${name}`);
      }
      await Deno.remove(old!.replace(/old$/, ""), { recursive: true });
      assertEquals(await contents(), earlier);
      one.model.dispose();
      two.model.dispose();
    }),
);

onCpu(
  "of models that are saved to one folder at once, one is there whole",
  () =>
    withFolder(async (folder) => {
      const [one, two] = [saved("lit", 1), saved("s", 2)];
      await savePretrained(folder, { ...one, maxShardBytes: 500 });
      const fs = process.getBuiltinModule("node:fs/promises");
      const { rename } = fs;
      let waits = true;
      fs.rename = async (...call) => {
        if (waits && !String(call[0]).endsWith(".tmp")) {
          waits = false;
          // Long enough for the other one to come as far.
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
        await rename(...call);
      };
      await Promise.all([
        savePretrained(folder, one),
        savePretrained(folder, two),
      ]).finally(() => Object.assign(fs, { rename }));
      (await fromPretrained(folder)).model.dispose();
      const names = await namesIn(folder);
      assertEquals(names.filter((name) => name.startsWith(".")), []);
      one.model.dispose();
      two.model.dispose();
    }),
);

onCpu(
  "a tensor that two weight files have is refused, and none stays",
  () =>
    withFolder(async (folder) => {
      const { model, config } = saved("s", 1);
      await savePretrained(folder, { model, config, maxShardBytes: 4e9 });
      model.dispose();
      const single = `${folder}/model.safetensors`;
      const [one, two] = ["one", "two"].map((name) => `${name}.safetensors`);
      for (const name of [one, two]) {
        await Deno.copyFile(single, `${folder}/${name}`);
      }
      const { tensors } = await readSafetensors(single);
      await Deno.remove(single);
      const names = [...tensors.keys(), "more"];
      tf.dispose([...tensors.values()]);
      await Deno.writeTextFile(
        `${folder}/model.safetensors.index.json`,
        JSON.stringify({
          weight_map: Object.fromEntries(
            names.map((name) => [name, name === "more" ? two : one]),
          ),
        }),
      );
      await assertRejects(
        () => fromPretrained(folder),
        RangeError,
        `in ${two}, got ${names.length - 1} tensors for 1 names`,
      );
    }),
);

onCpu(
  "names of classes with commas are told apart",
  () =>
    withFolder(async (folder) => {
      const { model, config } = saved("s", 1);
      setClassNames(model, ["a, b", "c"]);
      const id2label = { 0: "a", 1: "b, c" };
      await savePretrained(folder, { model, config: { ...config, id2label } });
      const loaded = await fromPretrained(folder);
      assertEquals(classNames(loaded.model), ["a, b", "c"]);
      loaded.model.dispose();
      model.dispose();
    }),
);

onCpu(
  "files of JSON may begin with a byte order mark",
  () =>
    withFolder(async (folder) => {
      const { model, config } = saved("s", 1);
      await savePretrained(folder, { model, config });
      const path = `${folder}/config.json`;
      await Deno.writeTextFile(path, `\ufeff${await Deno.readTextFile(path)}`);
      (await fromPretrained(folder)).model.dispose();
      model.dispose();
    }),
);

onCpu(
  "a model is read from the hub and from an address",
  () =>
    withFolder(async (folder) => {
      await writeModel(
        `${folder}/model`,
        BERT,
        without(STATES.bert, /^classifier/),
      );
      const { model, config } = await fromPretrained(`${folder}/model`);
      await savePretrained(`${folder}/model`, {
        ...{ model, config, maxShardBytes: 1000 },
      });
      const answer = await answerOf(model, textInputs());
      model.dispose();
      const files: Record<string, Uint8Array<ArrayBuffer>> = {};
      for (const name of await namesIn(`${folder}/model`)) {
        files[name] = await Deno.readFile(`${folder}/model/${name}`);
      }
      const hub = startHub({ ...files, "pytorch_model.bin": "not read" });
      try {
        const options = { cache: `${folder}/cache`, endpoint: hub.url };
        const sizes: number[] = [];
        const read = await fromPretrained("org/tiny", {
          ...options,
          progress: ({ totalBytes, totalSize }) =>
            sizes.push(totalBytes / totalSize),
        });
        assertEquals(await answerOf(read.model, textInputs()), answer);
        assertEquals(sizes.at(-1), 1);
        assert(!hub.log.some((line) => line.includes("pytorch_model.bin")));
        read.model.dispose();
        hub.faults = { down: true };
        const again = await fromPretrained("org/tiny", {
          ...options,
          retries: 0,
        });
        again.model.dispose();
        hub.faults = {};
        // A page's own folder, which is no hub.
        const page = await fromPretrained(
          new URL("/org/tiny/resolve/main/", hub.url),
        );
        assertEquals(await answerOf(page.model, textInputs()), answer);
        page.model.dispose();
      } finally {
        await hub.stop();
      }
    }),
);

Deno.test("an index cannot lead from a model's address to another", async () => {
  for (const file of ["http:other.example", "data:,x", "a?b#c", "blob:x"]) {
    const asked: string[] = [];
    const files: Record<string, unknown> = {
      "config.json": BERT,
      "model.safetensors.index.json": { weight_map: { weight: file } },
    };
    const home = "https://example.com/model/";
    await assertRejects(
      () =>
        fromPretrained(home, {
          fetch: (input) => {
            asked.push(String(input));
            const found = files[String(input).replace(home, "")];
            return Promise.resolve(
              found ? Response.json(found) : new Response("", { status: 404 }),
            );
          },
        }),
      RangeError,
      `in ${file}, got no file`,
    );
    assertEquals(asked.at(-1), home + encodeURIComponent(file));
  }
});
