/** model.fit learns from logits, or says why it would not. @module */
import { assert, assertAlmostEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel, ModelCompileArgs } from "@tensorflow/tfjs-layers";
import * as tfl from "@tensorflow/tfjs-layers";
import {
  acceptLosses,
  lionBert,
  lionBlock,
  lionEncoder,
  lionGpt,
  lionViT,
} from "../../mod.ts";
import { tokenPooling } from "../../lib/layers/mod.ts";
import {
  Adam,
  binaryCrossEntropy,
  crossEntropy,
  meanSquaredError,
  softCrossEntropy,
} from "../../lib/training/mod.ts";
import { onEachBackend } from "../backends.ts";
import { onCpu } from "../io/files.ts";
import { array, uniform } from "../random.ts";

const SIZES = { dim: 8, depth: 1, numHeads: 2, variant: "s", seed: 1 } as const;
const TOKENS = { ...SIZES, vocabularySize: 5, maxLength: 4 };

const vit = (numClasses = 2) =>
  lionViT({
    ...{ ...SIZES, imageSize: 4, patchSize: 2, channels: 1, numClasses },
  });

const CLASSES = Array.from({ length: 16 }, (_, i) => i % 2);

/** Images that are dark or light. */
function images(): tf.Tensor {
  const random = uniform(1);
  const pixels = CLASSES.flatMap((label) => [
    ...array(16, random, (u) => u - 0.5 + (label === 1 ? 0.4 : -0.4)),
  ]);
  return tf.tensor4d(pixels, [16, 4, 4, 1]);
}

const classes = () => tf.tensor1d(CLASSES, "int32");
const column = () => tf.tensor2d(CLASSES, [16, 1]);
const oneHot = () => tf.tidy(() => tf.cast(tf.oneHot(classes(), 2), "float32"));

onEachBackend(
  "fit learns by every loss of logits",
  async () => {
    const { softmaxCrossEntropy, sigmoidCrossEntropy } = tf.losses;
    const cases: [
      number,
      () => tf.Tensor,
      Omit<ModelCompileArgs, "optimizer">,
    ][] = [
      [2, classes, { loss: crossEntropy(), metrics: ["accuracy"] }],
      [2, column, { loss: [crossEntropy()], metrics: { output: "acc" } }],
      [2, oneHot, { loss: softCrossEntropy() }],
      [2, oneHot, { loss: softmaxCrossEntropy, metrics: "accuracy" }],
      [1, column, { loss: binaryCrossEntropy() }],
      [1, column, {
        loss: sigmoidCrossEntropy,
        metrics: [tfl.metrics.meanAbsoluteError],
      }],
      [1, column, { loss: meanSquaredError() }],
    ];
    for (const [i, [columns, labels, args]] of cases.entries()) {
      const model = vit(columns), x = images(), y = labels();
      const optimizer = new Adam({ learningRate: 0.03 });
      // By the name of the output, where the first is.
      const { loss, metrics } = args;
      model.compile({
        ...{ optimizer, loss },
        metrics: Object(metrics).output
          ? { [model.outputNames[0]!]: "acc" }
          : metrics!,
      });
      const { history } = await model.fit(x, y, {
        ...{ epochs: 12, batchSize: 16, verbose: 0, shuffle: false },
        validationData: [x, y],
      });
      const losses = history["val_loss"] as number[];
      assert(losses.at(-1)! < 0.6 * losses[0]!, `${i}: ${losses}`);
      const isOfClasses = metrics && loss !== sigmoidCrossEntropy;
      if (isOfClasses) {
        assert(history["val_acc"]!.at(-1) as number > 0.9, `${i}`);
      }
      optimizer.dispose();
      model.dispose();
      tf.dispose([x, y]);
    }
  },
  ["cpu"],
);

onEachBackend("fit has the loss and the accuracy of classes", async () => {
  const model = lionGpt(TOKENS);
  const ids = tf.tensor2d([[1, 2, 3, 4], [4, 3, 2, 1]], [2, 4], "int32");
  const next = tf.tensor3d([2, 3, 4, -100, 3, 2, 1, -100], [2, 4, 1], "int32");
  const loss = crossEntropy({ labelSmoothing: 0.1 });
  model.compile({ optimizer: "sgd", loss, metrics: ["accuracy"] });
  const found = model.evaluate(ids, next) as tf.Scalar[];
  const [expected, right] = tf.tidy(() => {
    const logits = model.predict(ids) as tf.Tensor;
    const labels = tf.reshape(next, [2, 4]);
    const isRight = tf.equal(tf.argMax(logits, -1), labels);
    return [loss(logits, labels), tf.sum(tf.cast(isRight, "float32"))];
  });
  assertAlmostEquals(
    (await found[0]!.data())[0]!,
    (await expected!.data())[0]!,
    1e-6,
  );
  assertAlmostEquals(
    (await found[1]!.data())[0]!,
    (await right!.data())[0]! / 6,
    1e-6,
  );
  await model.fit(ids, next, { epochs: 1, verbose: 0 });
  tf.dispose([ids, next, ...found, expected!, right!]);
  model.dispose();
}, ["cpu"]);

onCpu("what expects probabilities is refused by every model", () => {
  const models: LayersModel[] = [
    vit(),
    lionGpt(TOKENS),
    lionBert({ ...TOKENS, head: "classification" }),
    lionEncoder({ ...SIZES, inputDim: 1, numClasses: 2 }),
  ];
  const optimizer = tf.train.sgd(0.1);
  const loss = crossEntropy();
  const cases: [Partial<ModelCompileArgs>, string][] = [
    [
      { loss: "sparseCategoricalCrossentropy" },
      "loss of model NAME should be one of logits, which its outputs are, got sparseCategoricalCrossentropy, which expects probabilities: the model would not learn; pass crossEntropy() of @lionjs/lion/training, which takes the same labels",
    ],
    [
      { loss: ["categoricalCrossentropy"] },
      "pass tf.losses.softmaxCrossEntropy for one-hot labels, or crossEntropy()",
    ],
    [{ loss: tfl.metrics.binaryCrossentropy }, "pass binaryCrossEntropy()"],
    [{ loss: tf.losses.logLoss }, "got tf.losses.logLoss, which expects"],
    [{ loss: "kullbackLeiblerDivergence" }, "pass softCrossEntropy()"],
    [
      { loss, metrics: ["ce"] },
      "metric of model NAME should be one of logits, which its outputs are, got ce, which expects probabilities; leave it out, since the loss says the same",
    ],
    [
      { loss: binaryCrossEntropy(), metrics: "accuracy" },
      'metrics of model NAME should have "accuracy" only with a classification loss, such as crossEntropy() or tf.losses.softmaxCrossEntropy; pass a function (labels, logits) => tensor instead',
    ],
    [
      { loss: tf.losses.sigmoidCrossEntropy, metrics: ["acc"] },
      '"accuracy" only with a classification loss',
    ],
  ];
  for (const model of models) {
    const [output] = model.outputNames;
    const named = { [output!]: "binaryCrossentropy" };
    for (
      const [args, message] of [
        ...cases,
        [{ loss: named }, "pass binaryCrossEntropy()"] as const,
      ]
    ) {
      assertThrows(
        () => model.compile({ optimizer, ...args } as ModelCompileArgs),
        RangeError,
        message.replace("NAME", model.name),
      );
    }
    // What tfjs refuses, it refuses itself.
    assertThrows(
      () => model.compile({ optimizer, loss: "crossEntropy" }),
      Error,
      "Unknown loss crossEntropy",
    );
    assertThrows(
      () => model.compile({ optimizer, loss: ["hinge", "hinge"] }),
      Error,
      "one entry per",
    );
    const calls: readonly (readonly [unknown, string])[] = [
      [undefined, "should be called with an object such as { optimizer:"],
      [
        "adam",
        'such as { optimizer: "adam", loss: crossEntropy() }, got "adam"',
      ],
      [{ loss: "hinge" }, "should be given an optimizer, such as"],
      [{ optimizer }, "should be given a loss, such as crossEntropy()"],
      [{ optimizer, loss: 5 }, "of @lionjs/lion/training, got 5"],
    ];
    for (const [args, message] of calls) {
      assertThrows(
        () => model.compile(args as ModelCompileArgs),
        TypeError,
        message,
      );
    }
    model.compile({ optimizer, loss: "hinge" });
    model.dispose();
  }
  optimizer.dispose();
});

onCpu(
  "models of one's own take the losses in fit, and refuse those of probabilities",
  async () => {
    const ids = tfl.input({ shape: [null] });
    const embedded = tfl.layers.embedding({
      inputDim: 5,
      outputDim: 8,
      maskZero: true,
    })
      .apply(ids);
    const mixed = lionBlock({ numHeads: 2, variant: "s" }).apply(embedded);
    const mean = tokenPooling({ kind: "mean" }).apply(mixed);
    const outputs = tfl.layers.dense({ units: 3 }).apply(
      mean,
    ) as tfl.SymbolicTensor;
    const own = acceptLosses(tfl.model({ inputs: ids, outputs }));
    assert(acceptLosses(own) === own);
    assertThrows(
      () =>
        own.compile({
          optimizer: "adam",
          loss: "sparseCategoricalCrossentropy",
        }),
      RangeError,
      "expects probabilities",
    );
    const optimizer = new Adam({ learningRate: 0.05 });
    own.compile({ optimizer, loss: crossEntropy(), metrics: ["accuracy"] });
    const x = tf.tensor2d([[1, 2, 0], [3, 0, 0], [4, 4, 1]]);
    const y = tf.tensor1d([0, 1, 2]);
    const { history } = await own.fit(x, y, { epochs: 40, verbose: 0 });
    assertAlmostEquals(history["acc"]!.at(-1) as number, 1, 1e-6);
    tf.dispose([x, y]);
    optimizer.dispose();
    own.dispose();
  },
);
