/** Steps that are recorded and replayed are those that are not, to the last bit. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  generate,
  type LionEncoderOptions,
  lionGpt,
  setForm,
} from "@lionjs/lion";
import * as tf from "@tensorflow/tfjs-core";
import * as tfl from "@tensorflow/tfjs-layers";
import {
  accuracy,
  crossEntropy,
  evaluate,
  type Loss,
  meanSquaredError,
  predict,
  train,
  type TrainOptions,
} from "../../lib/training/mod.ts";
import { MixingLayer } from "../../lib/layers/mixing_layer.ts";
import { isOwnModel } from "../../lib/models/layer_runs.ts";
import { onEachBackend } from "../backends.ts";
import { inProcessRanks } from "./in_process.ts";
import {
  tinyBatch,
  tinyData,
  tinyModel,
  tinyOptions,
  tinyPass,
  weightsOf,
  withFolder,
} from "./tiny.ts";

/** Trains a model, and returns the result and the weights. */
async function trained(
  options: Partial<TrainOptions>,
  of: Partial<LionEncoderOptions> = {},
) {
  const model = tinyModel({ depth: 1, ...of });
  try {
    const result = await train(model, tinyData(), {
      ...tinyOptions(options),
      ...{ steps: options.steps ?? 5 },
    });
    const { losses, evaluation, replayed } = result;
    return { losses, evaluation, replayed, weights: await weightsOf(model) };
  } finally {
    model.dispose();
  }
}

/** Throws unless training is the same with and without recordings. */
async function assertSame(
  options: Partial<TrainOptions>,
  of: Partial<LionEncoderOptions> = {},
): Promise<void> {
  const { replayed: none, ...wanted } = await trained(
    { ...options, record: false },
    of,
  );
  const { replayed, ...got } = await trained({ ...options, record: true }, of);
  assertEquals(none, { batches: 0 });
  assertEquals(replayed.refusal, undefined);
  assert(replayed.batches > 0);
  assertEquals(got, wanted);
}

onEachBackend(
  "recorded steps with dropout, accumulation and evaluation",
  async () => {
    await assertSame({
      evaluate: { data: tinyPass, metrics: { accuracy: accuracy() }, every: 2 },
    });
  },
);

const ON_HOST = ["wasm", "cpu"] as const;

for (
  const of of [
    { variant: "softmax", position: "rotary" },
    { variant: "lit" },
    { variant: "d", gradientCheckpointing: true },
    { variant: "s", repeats: 3, gradientCheckpointing: true },
    { variant: "s", blockLength: 2, gradientCheckpointing: true },
    { variant: "kda" },
    { variant: "rwkv7" },
    { variant: "path" },
    { variant: "vim" },
  ] as const
) {
  onEachBackend(`recorded steps of ${JSON.stringify(of)}`, async () => {
    await assertSame({}, of);
  }, ["wasm"]);
}

onEachBackend("recorded steps with a teacher", async () => {
  const teacher = tinyModel({ depth: 1, variant: "lit", seed: 3 });
  await assertSame({
    distillation: { teacher, labels: "soft", temperature: 2 },
  });
  teacher.dispose();
}, ON_HOST);

onEachBackend("ranks that share batches record their rows", async () => {
  const run = (record: boolean) =>
    Promise.all(
      inProcessRanks(2).map(async (communicator) => {
        const { losses, replayed } = await trained({ communicator, record });
        return { losses, batches: replayed.batches };
      }),
    );
  const [wanted, got] = [await run(false), await run(true)];
  assertEquals(
    got.map(({ losses }) => losses),
    wanted.map(({ losses }) => losses),
  );
  assert(got.every(({ batches }) => batches > 0));
}, ["wasm"]);

onEachBackend("what is resumed is what was recorded", async () => {
  await withFolder(async (folder) => {
    const optimizer = { accumulate: 1 };
    const wanted = await trained({ steps: 10, optimizer, record: false });
    const checkpoints = { folder, every: 5, resume: true };
    const model = tinyModel({ depth: 1 });
    const stop = new AbortController();
    const options = { ...tinyOptions({ checkpoints, optimizer }), steps: 10 };
    await train(model, tinyData(), {
      ...options,
      signal: stop.signal,
      callbacks: {
        onBatchEnd: (batch: number) => {
          if (batch === 4) stop.abort();
        },
      },
    });
    const { losses, replayed } = await train(model, tinyData(), options);
    assert(replayed.batches > 0);
    assertEquals(losses, wanted.losses.slice(-losses.length));
    assertEquals(await weightsOf(model), wanted.weights);
    model.dispose();
  });
}, ["wasm"]);

onEachBackend(
  "only what is LION's is recorded without being told",
  async () => {
    const own: Loss = (predictions, labels) =>
      crossEntropy()(predictions, labels);
    assertEquals((await trained({ loss: own })).replayed, { batches: 0 });
    assert((await trained({ loss: own, record: true })).replayed.batches > 0);
    const teacher = () => tf.zeros([4, 3]);
    assertEquals(
      (await trained({ distillation: { teacher } })).replayed,
      { batches: 0 },
    );
    assert((await trained({})).replayed.batches > 0);
  },
  ["cpu"],
);

onEachBackend(
  "a change of the form, or of dropout, is recorded anew",
  async () => {
    const run = async (record: boolean) => {
      const model = tinyModel({ depth: 1, seed: 2 });
      const { losses, replayed } = await train(model, tinyData(), {
        ...tinyOptions({ optimizer: { accumulate: 1 }, record }),
        ...{ steps: 14, loss: crossEntropy() },
        callbacks: {
          onBatchEnd: (batch: number) => {
            if (batch === 5) setForm(model, "recurrent");
          },
        },
      });
      model.dispose();
      return { losses, batches: replayed.batches };
    };
    const [wanted, got] = [await run(false), await run(true)];
    assertEquals(got.losses, wanted.losses);
    // The last step is looked at.
    assertEquals(got.batches, 14 - 6 - 1);
  },
  ["wasm"],
);

onEachBackend(
  "a layer that changes with a number of its own is not believed",
  async () => {
    const dense = () => tfl.layers.dense({ units: 1 });
    const dropout = tfl.layers.dropout({ rate: 0.5, inputShape: [2] });
    const norm = tfl.layers.batchNormalization({ inputShape: [2] });
    const data = {
      stepsPerEpoch: 10,
      async *from() {
        while (true) {
          yield { inputs: [tf.ones([3, 2])], labels: tf.ones([3, 1]), size: 3 };
        }
      },
    };
    const options = { loss: meanSquaredError(), steps: 6, progress: false };
    for (
      const [layers, refusal] of [
        [[dropout, dense()], "draws random numbers without a seed"],
        [[norm, dense()], "changes a variable"],
      ] as const
    ) {
      const model = tfl.sequential({ layers: [...layers] });
      const { replayed } = await train(model, data, {
        ...options,
        record: true,
      });
      assertEquals(replayed, { batches: 0, refusal });
      const { replayed: unasked } = await train(model, data, options);
      assertEquals(unasked, { batches: 0 });
      model.dispose();
    }
  },
  ["cpu"],
);

onEachBackend("predictions and evaluations that are replayed", async () => {
  const model = tinyModel({ depth: 1 });
  const batches = async function* () {
    for (let i = 0; i < 6; i++) yield await Promise.resolve(tinyBatch(i));
    yield tinyBatch(7, 2);
  };
  const { values } = await predict(model, batches());
  const alone: number[] = [];
  for await (const { inputs, labels } of batches()) {
    const y = model.predict(inputs as tf.Tensor[]) as tf.Tensor;
    alone.push(...await y.data());
    tf.dispose([y, labels, ...inputs]);
  }
  assertEquals([...values], alone);
  const { loss } = await evaluate(model, batches(), { loss: crossEntropy() });
  assert(Number.isFinite(loss!));
  model.dispose();
});

onEachBackend("a token without a row is told by replays, too", async () => {
  const model = lionGpt({
    ...{ vocabularySize: 9, dim: 4, depth: 1, numHeads: 1, variant: "lit" },
    ...{ maxLength: 3, seed: 4 },
  });
  const data = {
    stepsPerEpoch: 10,
    async *from(position: number) {
      for (;; position++) {
        const ids = await Promise.resolve([1, 2, position === 6 ? 9 : 3]);
        const inputs = [tf.tensor2d([ids], [1, 3], "int32")];
        yield { inputs, labels: tf.ones([1, 3], "int32"), size: 1 };
      }
    },
  };
  const options = { loss: crossEntropy(), steps: 10, progress: false };
  await assertRejects(
    () => train(model, data, options),
    RangeError,
    "index value 9 is not in [0, 8]",
  );
  for (const weight of await weightsOf(model)) {
    assert(weight.every(Number.isFinite));
  }
  model.dispose();
});

onEachBackend("texts that are generated by replays", async () => {
  for (const variant of ["s", "softmax", "gated-delta"] as const) {
    const model = lionGpt({
      ...{ vocabularySize: 30, dim: 8, depth: 1, numHeads: 2, variant },
      ...{ maxLength: 40, seed: 4 },
    });
    // Each token by a call of its own records nothing.
    const prompts = [[1, 2, 3], [4]];
    const wanted = prompts.map((prompt) => [...prompt]);
    for (let i = 0; i < 8; i++) {
      const next = await generate(model, wanted, {
        maxNewTokens: 1,
        temperature: 0,
      });
      next.forEach((tokens, text) => wanted[text]!.push(...tokens));
    }
    const all = await generate(model, prompts, {
      maxNewTokens: 8,
      temperature: 0,
    });
    assertEquals(all, wanted.map((text, i) => text.slice(prompts[i]!.length)));
    model.dispose();
  }
});

onEachBackend("a text too long is refused by replays, too", async () => {
  const model = lionGpt({
    ...{ vocabularySize: 30, dim: 8, depth: 1, numHeads: 2, variant: "s" },
    ...{ maxLength: 12, seed: 4 },
  });
  for (
    const prompt of [[1, 2, 3], [[1, 2, 3], [4]]] as [number[], number[][]]
  ) {
    await assertRejects(
      () => generate(model, prompt as number[], { maxNewTokens: 20 }),
      RangeError,
      "should have at most maxLength = 12 tokens, got 13",
    );
  }
  model.dispose();
});

onEachBackend("a model with code of a user's is not recorded", () => {
  const plain = tinyModel({ depth: 1 });
  class Derived extends tfl.LayersModel {}
  const hooked = tinyModel({ depth: 1 });
  hooked.layers.at(-1)!.setCallHook(() => {});
  const replaced = tinyModel({ depth: 1 });
  const layer = replaced.layers.at(-1)!;
  const call = layer.call.bind(layer);
  layer.call = (...args) => call(...args);
  const { inputs, outputs } = plain;
  const derived = new Derived({ inputs, outputs, name: "derived" });
  const around = (model: tfl.LayersModel) =>
    tfl.model({ inputs, outputs: model.apply(inputs) as tfl.SymbolicTensor });
  const [nested, other] = [around(plain), around(derived)];
  for (const model of [plain, nested]) assert(isOwnModel(model));
  const others = [hooked, replaced, derived, other];
  assertEquals(others.map(isOwnModel), others.map(() => false));
  // The others have the layers of the first, which ends with what it is nested in.
  for (const model of [nested, hooked, replaced]) model.dispose();
}, ["cpu"]);

onEachBackend("predictions follow a change of the form", async () => {
  const predicted = async (isReplayed: boolean) => {
    const model = tinyModel({ depth: 1 });
    const layer = model.layers[0]!;
    if (!isReplayed) layer.setCallHook(() => {});
    const { values } = await predict(
      model,
      async function* () {
        for (let i = 0; i < 8; i++) {
          if (i === 5) setForm(model, "recurrent");
          yield await Promise.resolve(tinyBatch(1));
        }
      }(),
    );
    model.dispose();
    return [...values];
  };
  assertEquals(await predicted(true), await predicted(false));
});

/** Trains with a loss whose number changes after nine steps; returns what is told of it. */
async function trainedChanging(steps: number, change: () => number) {
  let k = 1;
  const loss: Loss = (predictions, labels) =>
    tf.tidy(() => {
      const { values } = tf.topk(labels, k);
      return tf.add(crossEntropy()(predictions, labels), tf.sum(values));
    }) as tf.Scalar;
  const { warn } = console;
  const warnings: string[] = [];
  console.warn = (text: string) => void warnings.push(text);
  try {
    const { replayed } = await trained({
      ...{ loss, steps, record: true, optimizer: { accumulate: 1 } },
      callbacks: {
        onBatchEnd: (batch: number) => {
          if (batch === 8) k = change();
        },
      },
    });
    return { replayed, warnings };
  } finally {
    console.warn = warn;
  }
}

onEachBackend("what only code knows is found at the next look", async () => {
  // Eight runs of a kind, sixteen, and the last step.
  for (const [steps, look, batches] of [[18, 16, 11], [12, 12, 7]] as const) {
    const { replayed, warnings } = await trainedChanging(steps, () => 2);
    const refusal = "does not run the same kernels each time";
    assertEquals(replayed, { batches, refusal });
    assertEquals(warnings, [
      `each step of train from 9 to ${
        look - 1
      } was replayed as it had been before, ` +
      `but ${look} shows that it ${refusal}: what was computed from 9 on may be wrong, ` +
      "and it is not replayed any more; train again with record: false, which replays nothing",
    ]);
  }
  await assertRejects(() => trainedChanging(12, () => 99), Error, "got 99");
}, ["cpu"]);

onEachBackend("code of a user's that comes later is not recorded", async () => {
  const changes: ((model: tfl.LayersModel, loss: Loss) => void)[] = [
    (model) => {
      const layer = model.layers.at(-1)!;
      const call = layer.call.bind(layer);
      layer.call = (...args) => call(...args);
    },
    (_, loss) => {
      const count = loss.count!.bind(loss);
      Object.assign(loss, { count: (labels: tf.Tensor) => count(labels) });
    },
  ];
  for (const change of changes) {
    const model = tinyModel({ depth: 1 });
    const loss = crossEntropy();
    const { replayed } = await train(model, tinyData(), {
      ...{ loss, steps: 12, progress: false },
      callbacks: {
        onBatchEnd: (batch: number) => {
          if (batch === 5) change(model, loss);
        },
      },
    });
    const refusal = "runs code that is not the library's";
    assertEquals(replayed, { batches: 3, refusal });
    model.dispose();
  }
}, ["cpu"]);

onEachBackend(
  "a rate that changes with each step is not recorded",
  async () => {
    const run = async (record?: boolean) => {
      const model = tinyModel({ depth: 1 });
      const block = model.layers.find((layer) => layer instanceof MixingLayer)!;
      const { losses, replayed } = await train(model, tinyData(), {
        ...{ loss: crossEntropy(), steps: 8, progress: false, record },
        callbacks: {
          onBatchEnd: (batch: number) => {
            Object.assign(block.attention, { dropout: batch / 10 });
          },
        },
      });
      model.dispose();
      return { losses, replayed };
    };
    const { losses, replayed } = await run();
    assertEquals(losses, (await run(false)).losses);
    const refusal = "has properties that change each time";
    assertEquals(replayed, { batches: 0, refusal });
  },
  ["cpu"],
);

onEachBackend("record is a boolean", async () => {
  await assertRejects(
    () => trained({ record: "yes" as unknown as boolean }),
    TypeError,
    "record should be",
  );
}, ["cpu"]);
