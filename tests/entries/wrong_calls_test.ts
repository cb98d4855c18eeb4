/**
 * What someone who has just begun writes, and what the answer names: never
 * something of JavaScript's or of TensorFlow.js's that the caller has not
 * written.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { loadLayersModel } from "@tensorflow/tfjs-layers";
import * as data from "../../lib/entries/data.ts";
import * as diffusion from "../../lib/diffusion/mod.ts";
import * as family from "../../lib/family/mod.ts";
import * as hub from "../../lib/entries/hub.ts";
import * as io from "../../lib/io/mod.ts";
import * as layers from "../../lib/layers/mod.ts";
import * as notebook from "../../lib/notebook/mod.ts";
import * as operations from "../../lib/operations/mod.ts";
import * as training from "../../lib/training/mod.ts";
import * as tuning from "../../lib/tuning/mod.ts";
import * as lion from "../../mod.ts";
import { onCpu } from "../io/files.ts";
import { tinyData, tinyModel, tinyOptions } from "../training/tiny.ts";

/** Calls that the compiler would not let pass. */
// deno-lint-ignore no-explicit-any
type Unchecked = any;

/** Words of a language or a library, and not of what was called. */
const INTERNAL =
  /Cannot (read|destructure|convert|set|use)|is not (a function|iterable|a constructor|defined)|reading '|Operands could not|Error in |Invalid array length|undefined \(|No backend found|must be |Argument '/;

const { Adam, crossEntropy, evaluate, train } = training;
const [B, H, L, D] = [2, 2, 4, 3];
const x = () => tf.ones<tf.Rank.R4>([B, H, L, D]);
const wrong = (value: unknown) => value as Unchecked;
const SIZES = { dim: 8, depth: 1, numHeads: 2, variant: "s" } as const;
const encoder = (more: object = {}) =>
  lion.lionEncoder({ ...SIZES, inputDim: 3, numClasses: 2, ...more });
const gpt = () => lion.lionGpt({ ...SIZES, vocabularySize: 9, maxLength: 8 });
const attend = (options: object) =>
  lion.lionAttention(x(), x(), x(), wrong(options));
const disposed = () => {
  const tensor = x();
  tensor.dispose();
  return tensor;
};

/** A call, and what its answer says. */
const CALLS: Readonly<Record<string, [() => unknown, string]>> = {
  "a backend that there is not": [
    () => lion.useBackend(wrong("gpu")),
    'should hold "webgpu", "wasm" or "cpu", got "gpu"',
  ],
  "an option of useBackend with another name": [
    () => lion.useBackend(wrong({ backend: "wasm" })),
    'no option "backend"',
  ],
  "an array for q": [
    () => lion.lionAttention(wrong([[1]]), x(), x()),
    "q should be a tensor of shape [batch, heads, length, headDim], got [[1]]",
  ],
  "no k and v": [
    () => lion.lionAttention(x(), wrong(undefined), wrong(undefined)),
    "k should be a tensor of shape",
  ],
  "q without heads": [
    () => lion.lionAttention(wrong(tf.ones([B, L, D])), x(), x()),
    "q should have shape [batch, heads, length, headDim]",
  ],
  "k of another length": [
    () => lion.lionAttention(x(), tf.ones([B, H, L + 1, D]), x()),
    "k should have shape [batch, heads, length, headDim] = [2, 2, 4, 3]",
  ],
  "a tensor that was disposed of": [
    () => lion.lionAttention(disposed(), x(), x()),
    "q should be a tensor that still has values",
  ],
  "q of texts": [
    () =>
      lion.lionAttention(
        wrong(tf.fill([B, H, L, D], wrong("a"), "string")),
        x(),
        x(),
      ),
    "q should be float32, or int32 or bool",
  ],
  "what was compared in JavaScript": [
    () => lion.shiftedSilu(wrong(false)),
    "shiftedSilu's x should be a tensor, got false",
  ],
  "a misspelt option": [
    () => attend({ casual: true }),
    'lionAttention has no option "casual"; did you mean "causal"?',
  ],
  "a form that there is not": [
    () => attend({ form: "chunk" }),
    'form should be "auto"',
  ],
  "a chunk of no tokens": [
    () => attend({ chunkSize: 0 }),
    "chunkSize should be a positive integer, got 0",
  ],
  "a tensor for a decay": [
    () => attend({ decay: tf.tensor1d([-1, -1]) }),
    "decay should be made by noDecay, fixedDecay, selectiveDecay, diagonalDecay or bidirectionalDecay, got a tensor of shape [2]",
  ],
  "decays without their logarithm": [
    () => attend({ decay: lion.fixedDecay(tf.tensor1d([0.9, 0.8])) }),
    "fixedDecay's logDecay should hold logarithms of decays",
  ],
  "a decay of numbers": [
    () => lion.fixedDecay(wrong([-1, -1])),
    "fixedDecay's logDecay should be a tensor of shape [heads], got [-1,-1]",
  ],
  "a mask of another length": [
    () => attend({ mask: tf.ones([B, L + 1]) }),
    "mask should have shape [batch, length] = [2, 4], got [2, 5]",
  ],
  "a mask of numbers": [
    () => attend({ mask: [[1, 1, 1, 0]] }),
    "mask should be a tensor",
  ],
  "options in the place of inputs": [
    () => family.retention(wrong(x())),
    "retention",
  ],
  "no inputs": [() => family.mamba2(wrong(undefined)), "inputs of mamba2"],
  "weights of another shape": [
    () => operations.dense(x(), tf.ones([D + 1, 2])),
    "dense's weight should have shape",
  ],
  "no options": [() => lion.lionViT(wrong(undefined)), "options of lionViT"],
  "no sizes": [() => lion.lionEncoder(wrong({})), "lionEncoder"],
  "a variant that there is not": [
    () => encoder({ variant: "S" }),
    'variant should be "lit", "d", "s"',
  ],
  "heads that do not divide the columns": [
    () => encoder({ numHeads: 3 }),
    "numHeads should divide the layer's 8 columns, got 3",
  ],
  "an image that patches do not divide": [
    () => lion.lionViT({ ...SIZES, imageSize: 30, patchSize: 16 }),
    "patchSize should divide the image's 30 × 30 pixels, got 16",
  ],
  "classes of a language model": [
    () => lion.lionBert({ ...SIZES, vocabularySize: 9, numClasses: 3 }),
    'numClasses is for head: "classification"',
  ],
  "a layer's text for a tensor": [
    () => lion.lionBlock({ variant: "s", numHeads: 2 }).apply(wrong("text")),
    'input should be a tensor, or one of tf.input in a model, got "text"',
  ],
  "a layer's input without a batch": [
    () => lion.lionBlock({ variant: "s", numHeads: 2 }).apply(tf.ones([4, 8])),
    "should have shape [batch, length, dim]",
  ],
  "positions that are too few": [
    () =>
      layers.positionTable({ maxLength: 2 })
        .apply(tf.ones([1, 4, 8])),
    "2",
  ],
  "an option of generate with another name": [
    () => lion.generate(gpt(), [1], wrong({ maxTokens: 3 })),
    'no option "maxTokens"; did you mean "maxNewTokens"?',
  ],
  "a text for ids": [
    () => lion.generate(gpt(), wrong("once"), { maxNewTokens: 1 }),
    "generate's tokenizer should be the one that the model was trained with",
  ],
  "a model that writes no texts": [
    () => lion.generate(encoder(), [1], { maxNewTokens: 1 }),
    "generate's model should be made by lionGpt",
  ],
  "a model without LION": [
    () => lion.setForm(wrong({}), "full"),
    "model should be a model, such as lionEncoder makes, got {}",
  ],
  "shapes for one of two inputs": [
    () => lion.modelSummary(encoder(), [1, 4, 3]),
    "inputShapes should have a shape for each of",
  ],
  "no loss": [
    () => train(tinyModel(), tinyData(), wrong({ steps: 1 })),
    "loss",
  ],
  "a loss by its name": [
    () => train(tinyModel(), tinyData(), wrong({ steps: 1, loss: "mse" })),
    "train's loss should be a function",
  ],
  "a learning rate outside the optimizer": [
    () =>
      train(
        tinyModel(),
        tinyData(),
        wrong({ ...tinyOptions({ steps: 1 }), learningRate: 1 }),
      ),
    'no option "learningRate"',
  ],
  "an array for data": [
    () => train(tinyModel(), wrong([1, 2]), tinyOptions({ steps: 1 })),
    "data",
  ],
  "no evaluation data": [
    () => evaluate(tinyModel(), wrong(undefined), { loss: crossEntropy() }),
    "batches should be an array or another iterable",
  ],
  "an Adam of numbers": [() => new Adam(wrong(1e-3)), "options of Adam"],
  "a tokenizer of one text": [
    () => data.trainTokenizer(wrong("text"), { vocabularySize: 300 }),
    "documents should be an array or another iterable",
  ],
  "a path for the value of a tokenizer.json": [
    () => data.tokenizerOf(wrong("tokenizer.json")),
    "file should be",
  ],
  "tensors for a file's name": [
    () => io.writeSafetensors(wrong({ x: x() }), wrong("file")),
    "writeSafetensors's target should be a path, got object",
  ],
  "a file that there is not": [
    () => io.readSafetensors("/nowhere/model.safetensors"),
    "/nowhere/model.safetensors",
  ],
  "a model that there is not": [
    () => loadLayersModel("file:///nowhere/model.json"),
    "/nowhere/model.json",
  ],
  "rows of no table": [() => notebook.table(wrong(undefined)), "rows"],
  "a matrix of one axis": [
    () => notebook.matrix(wrong(tf.ones([3]))),
    "values should be [rows, columns], got a tensor of shape [3]",
  ],
  "series of no curves": [() => notebook.curves(wrong(undefined)), "series"],
  "an option of LivePlot with another name": [
    () => new notebook.LivePlot(wrong({ titel: "loss" })),
    'did you mean "title"?',
  ],
};

for (const [name, [call, says]] of Object.entries(CALLS)) {
  onCpu(`${name}: the answer is in the caller's words`, async () => {
    const before = new Set(Object.keys(tf.engine().registeredVariables));
    tf.engine().startScope();
    try {
      let failure: Error | undefined;
      try {
        await call();
      } catch (error) {
        failure = error as Error;
      }
      assert(failure instanceof Error, "it is accepted");
      const { message } = failure;
      assert(message.includes(says), message);
      assert(!INTERNAL.test(message), message);
      assert(message.length < 700, message);
    } finally {
      tf.engine().endScope();
      const all = tf.engine().registeredVariables;
      for (const [name, variable] of Object.entries(all)) {
        if (!before.has(name)) variable.dispose();
      }
    }
  });
}

/** Rooms, by the entries that export them. */
const ROOMS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  ".": lion,
  "./data": data,
  "./diffusion": diffusion,
  "./family": family,
  "./hub": hub,
  "./io": io,
  "./layers": layers,
  "./notebook": notebook,
  "./operations": operations,
  "./training": training,
  "./tuning": tuning,
};

/** Abstract classes, of which only others are made; what changes the backend; what loads a corpus. */
const LEFT_OUT = new Set([
  ...["LionLayer", "MixingLayer", "disposeBackend", "useBackend"],
  ...["loadBrown", "loadMnist", "loadSentences", "loadSonnets"],
  ...["loadFashionMnist", "loadSpamAssassin"],
]);

onCpu(
  "no function that is exported answers in words of JavaScript's",
  async () => {
    const internal: string[] = [];
    tf.engine().startScope();
    try {
      for (const [entry, room] of Object.entries(ROOMS)) {
        for (const [name, exported] of Object.entries(room)) {
          if (typeof exported !== "function" || LEFT_OUT.has(name)) continue;
          // A text may name a repository, for which a server would be asked.
          const texts = entry === "./hub" ? [] : ["text"];
          for (const value of [undefined, null, 3, ...texts, [], {}]) {
            const what = `${entry}: ${name}(${JSON.stringify(value)})`;
            try {
              await (/^[A-Z]/.test(name)
                ? new (exported as Unchecked)(value)
                : exported(value));
            } catch (error) {
              const { message } = error as Error;
              if (INTERNAL.test(message)) internal.push(`${what}: ${message}`);
            }
          }
        }
      }
      assertEquals(internal, []);
    } finally {
      tf.engine().endScope();
    }
  },
);
