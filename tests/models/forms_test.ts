/** Changing and describing the forms of models. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { layers, sequential } from "@tensorflow/tfjs-layers";
import {
  type AttentionForm,
  type AttentionVariant,
  type ConcreteForm,
  explainAttention,
  lionAttentionLayer,
  lionBlock,
  lionEncoder,
  lionViT,
  modelSummary,
  noDecay,
  selectiveDecay,
  setForm,
} from "../../mod.ts";
import type { MixingLayer } from "../../lib/layers/mod.ts";
import { onEachBackend } from "../backends.ts";

const FORMS: readonly ConcreteForm[] = [
  "full",
  "recurrent",
  "blockwise",
  "chunkwise",
];

const [BATCH, LENGTH, INPUTS, DIM, HEADS, CLASSES] = [2, 10, 3, 8, 2, 4];
const HEAD_DIM = DIM / HEADS;
const TOKENS = BATCH * LENGTH;

const encoder = (variant: AttentionVariant, dim = DIM) =>
  lionEncoder({
    inputDim: INPUTS,
    dim,
    depth: 2,
    numHeads: HEADS,
    numClasses: CLASSES,
    variant,
  });
const SHAPES = [[BATCH, LENGTH, INPUTS], [BATCH, LENGTH]];

/** Multiplications and additions of everything but attention. */
const OTHERS = 2 * TOKENS * INPUTS * DIM +
  // Queries, keys, values, output; four times as many hidden columns, and back.
  2 * (2 * TOKENS * 4 * DIM * DIM + 2 * TOKENS * 2 * 4 * DIM * DIM) +
  // Normalisation, mean and head.
  8 * TOKENS * DIM + TOKENS * DIM + 2 * BATCH * DIM * CLASSES;

/** Threads of WebAssembly, as its kernels say. */
function threads(): number {
  const x = tf.zeros<tf.Rank.R4>([1, 1, 2, 4]);
  const { reason } = explainAttention(x, x, x, { form: "full" });
  x.dispose();
  return Number(/^wasm, (\d+) threads?$/.exec(reason)![1]);
}

onEachBackend("modelSummary() counts what can be counted by hand", () => {
  const model = encoder("s");
  const { parameters, parameterBytes, forms, heldBytes } = modelSummary(
    model,
    SHAPES,
  );
  // The weights may still be on the host.
  assert(heldBytes >= (tf.getBackend() === "webgpu" ? 0 : parameterBytes));
  const block = 4 * DIM * DIM + 4 * DIM + DIM * HEADS + HEADS +
    2 * 4 * DIM * DIM + 4 * DIM + DIM + 4 * DIM;
  const expected = INPUTS * DIM + DIM + 2 * block + 2 * DIM +
    DIM * CLASSES + CLASSES;
  assertEquals(parameters, expected);
  assertEquals(parameterBytes, 4 * expected);

  // Vectors have a column for the normaliser; a product has two operations an
  // entry, as the mask has.
  const columns = HEAD_DIM + 1, state = HEAD_DIM * columns;
  const scores = 2 * LENGTH * (HEAD_DIM + columns) + 2 * LENGTH;
  const perHead = {
    full: scores,
    blockwise: scores,
    recurrent: 2 * 5 * state,
    // As many tokens per chunk as there are, and a state each way to write and read.
    chunkwise: scores + 2 * 4 * state,
  };
  for (const form of FORMS) {
    if (form === "chunkwise" && tf.getBackend() !== "cpu") continue;
    assertEquals(
      forms[form]!.operations,
      OTHERS + 2 * HEADS * TOKENS * perHead[form],
      form,
    );
  }
  // Nothing but queries, keys, values, two decays and the output; of a kernel,
  // row sums.
  const vectors = 4 * HEADS * TOKENS * (4 * HEAD_DIM + 2);
  const fused = tf.getBackend() !== "cpu";
  const moved = vectors + (fused ? 4 * HEADS * TOKENS : 0);
  assertEquals(forms.recurrent!.attentionBytes, 2 * moved);
  assert(forms.recurrent!.attentionPeakBytes > moved);
  const scoreBytes = 4 * BATCH * HEADS * LENGTH * LENGTH;
  const { attentionBytes } = forms.full!;
  // On WebAssembly each thread at work, of those that there are, writes and reads
  // the keys of a head with the decays on either side; on WebGPU the masks inside
  // of the tiles lie in a buffer.
  const weightedKeys = 2 * 2 * 4 * LENGTH * HEAD_DIM;
  if (tf.getBackend() === "wasm") {
    const atWork = Math.min(threads(), BATCH * HEADS);
    assertEquals(attentionBytes, 2 * (moved + atWork * weightedKeys));
  } else if (fused) assert(attentionBytes > 2 * moved);
  else assert(attentionBytes >= 2 * (vectors + scoreBytes));
  assert(forms.full!.attentionPeakBytes >= vectors + (fused ? 0 : scoreBytes));
  model.dispose();
});

onEachBackend(
  "modelSummary() says of each block what explainAttention() says",
  () => {
    const x = tf.zeros<tf.Rank.R4>([BATCH, HEADS, LENGTH, HEAD_DIM]);
    const logDecay = tf.zeros<tf.Rank.R3>([BATCH, HEADS, LENGTH]);
    for (const variant of ["lit", "s"] as const) {
      const model = encoder(variant);
      const decay = variant === "lit" ? noDecay() : selectiveDecay(logDecay);
      for (const chunkSize of [undefined, 4]) {
        setForm(model, "auto", chunkSize);
        const { forms } = modelSummary(model, SHAPES);
        for (const form of FORMS) {
          const plan = explainAttention(x, x, x, {
            decay,
            form,
            ...(chunkSize ? { chunkSize } : {}),
          });
          assertEquals(forms[form], {
            operations: OTHERS + 2 * plan.operations,
            attentionBytes: 2 * plan.bytes,
            attentionPeakBytes: plan.peakBytes,
          });
        }
      }
      model.dispose();
    }
    tf.dispose([x, logDecay]);
  },
);

onEachBackend("each order is an attention, and softmax is full", () => {
  const attentionOf = (
    variant: AttentionVariant,
    order: "raster" | "snake",
  ) => {
    const model = lionViT({
      imageSize: 8,
      patchSize: 2,
      channels: 1,
      dim: DIM,
      depth: 3,
      numHeads: HEADS,
      variant,
      order,
    });
    const { forms } = modelSummary(model, [1, 8, 8, 1]);
    model.dispose();
    return forms;
  };
  const raster = attentionOf("s", "raster"), snake = attentionOf("s", "snake");
  for (const form of FORMS) {
    assertEquals(
      snake[form]!.attentionBytes,
      2 * raster[form]!.attentionBytes,
    );
  }
  // A mask of 17 tokens for two columns of 4 and the normaliser.
  const scores = 17 * HEADS * (2 * 17 * (HEAD_DIM + HEAD_DIM + 1) + 2 * 17);
  assertEquals(
    snake.full!.operations - raster.full!.operations,
    3 * scores,
  );
  assertEquals(
    attentionOf("lit", "snake").full,
    attentionOf("lit", "raster").full,
  );
  const softmax = attentionOf("softmax", "raster");
  for (const form of FORMS) assertEquals(softmax[form], softmax.full);
  // 16 tokens and the class token; no scores but where there is no kernel.
  const kept = 4 * 17 * HEADS * (4 * HEAD_DIM + 2);
  if (tf.getBackend() !== "cpu") {
    assertEquals(softmax.full!.attentionPeakBytes, kept);
  } else assert(softmax.full!.attentionPeakBytes > kept);
});

onEachBackend("a form that does not fit is null, others are there", () => {
  const model = encoder("s"), softmax = encoder("softmax");
  const length = 2 ** 16;
  const shapes = [[1, length, INPUTS], [1, length]];
  const { forms } = modelSummary(model, shapes);
  // A kernel of the full form makes no scores of all.
  assert(forms.full!.attentionPeakBytes < 2 ** 30);
  // That of WebGPU does not take such heads.
  const wide = encoder("s", 160 * HEADS);
  const { full } = modelSummary(wide, shapes).forms;
  assertEquals(full === null, tf.getBackend() === "webgpu");
  wide.dispose();
  // Nor does the kernel of softmax attention.
  assert(
    modelSummary(softmax, shapes).forms.full!.attentionPeakBytes < 2 ** 30,
  );
  assert(forms.recurrent!.attentionPeakBytes < 2 ** 30);
  assert(forms.chunkwise!.operations < 2 ** 30 * 4);
  model.dispose();
  softmax.dispose();
  // The cpu backend has no largest tensor.
}, ["wasm", "webgpu"]);

onEachBackend("modelSummary() names what it wants", () => {
  const model = encoder("s");
  assertThrows(
    () => modelSummary(model, SHAPES[0]!),
    TypeError,
    "inputShapes should have a shape for each of values, mask, got 1",
  );
  model.dispose();
  const dense = sequential({
    name: "plain",
    layers: [layers.dense({ units: 1, inputShape: [2] })],
  });
  for (
    const run of [
      () => modelSummary(dense, [1, 2]),
      () => setForm(dense, "full"),
    ]
  ) {
    assertThrows(
      run,
      TypeError,
      "model plain should have a LION layer, got Dense",
    );
  }
  dense.dispose();
}, ["cpu"]);

onEachBackend("setForm() changes all layers, or none", () => {
  const model = sequential({
    layers: [
      lionAttentionLayer({
        variant: "s",
        numHeads: 2,
        inputShape: [5, 4],
        form: "blockwise",
        chunkSize: 2,
      }),
      lionBlock({ variant: "d", numHeads: 2, form: "recurrent" }),
    ],
  });
  const found = () =>
    model.layers.map((layer) => {
      const { form, chunkSize } = (layer as MixingLayer).attention;
      return { form, chunkSize };
    });
  const before = found();
  const attempts: [AttentionForm, number | undefined, string][] = [
    ["fast" as AttentionForm, undefined, 'form should be "auto"'],
    ["chunkwise", 0, "chunkSize should be a positive integer, got 0"],
    ["chunkwise", 2.5, "chunkSize should be a positive integer, got 2.5"],
  ];
  for (const [form, chunkSize, message] of attempts) {
    assertThrows(() => setForm(model, form, chunkSize), RangeError, message);
    assertEquals(found(), before);
  }
  setForm(model, "chunkwise", 3);
  assertEquals(found(), Array(2).fill({ form: "chunkwise", chunkSize: 3 }));
  setForm(model, "auto");
  assertEquals(found(), Array(2).fill({ form: "auto", chunkSize: undefined }));
  model.dispose();
}, ["cpu"]);
