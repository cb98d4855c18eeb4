/** Dropout and stochastic depth. @module */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { input, model, type SymbolicTensor } from "@tensorflow/tfjs-layers";
import { lionAttentionLayer, lionBlock } from "../../mod.ts";
import { type LionLayer, tokenEmbedding } from "../../lib/layers/mod.ts";
import { drop, withDropoutSeed } from "../../lib/layers/randomness.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";

const RATE = 0.25;

/** What training made of each value, as a multiple of what it is otherwise. */
async function ratios(
  usual: tf.Tensor,
  trained: tf.Tensor,
): Promise<number[]> {
  const [below, above] = [await usual.data(), await trained.data()];
  assertEquals(above.length, below.length);
  return Array.from(above, (value, i) => value / below[i]!);
}

/** Throws unless values are left out, or enlarged so that the mean stays. */
function assertDropped(ratios: number[]): void {
  const dropped = ratios.filter((ratio) => ratio === 0).length;
  for (const ratio of ratios.filter((ratio) => ratio !== 0)) {
    assertAlmostEquals(ratio, 1 / (1 - RATE), 1e-4);
  }
  // Six deviations of a binomial distribution.
  const deviation = Math.sqrt(RATE * (1 - RATE) / ratios.length);
  assertAlmostEquals(dropped / ratios.length, RATE, 6 * deviation);
}

/** Applies a layer, in training or not. */
function call(layer: LionLayer, x: tf.Tensor, training: boolean): tf.Tensor {
  return tf.tidy(() => [layer.apply(x, { training })].flat()[0] as tf.Tensor);
}

onEachBackend("dropout acts on attention's output, in training", async () => {
  const layer = lionAttentionLayer({
    variant: "s",
    numHeads: 2,
    dropout: RATE,
  });
  const x = tf.tensor3d(array(8 * 10 * 8, uniform(1)), [8, 10, 8]);
  const [usual, again, trained] = [false, false, true].map((training) =>
    call(layer, x, training)
  );
  assertEquals([...await again!.data()], [...await usual!.data()]);
  assertDropped(await ratios(usual!, trained!));
  layer.dispose();
  tf.dispose([x, usual!, again!, trained!]);
});

onEachBackend("dropout is tf.dropout with the same numbers", async () => {
  const values = array(5 * 1700, uniform(2)), shape = [5, 1700];
  values[7] = Infinity;
  values[8] = NaN;
  const x = tf.tensor(values, shape), dy = tf.ones(shape);
  const ours = tf.valueAndGrad((x: tf.Tensor) =>
    withDropoutSeed("1", () => drop(x, { training: true, rate: RATE }))
  )(x, dy);
  const theirs = tf.valueAndGrad((x: tf.Tensor) =>
    tf.dropout(x, RATE, undefined, "1/0")
  )(x, dy);
  assertEquals(await ours.value.data(), await theirs.value.data());
  assertEquals(await ours.grad.data(), await theirs.grad.data());
  const rows = { first: 2, count: 1, total: 5 };
  const [part, whole] = [tf.slice(x, 2, 1), tf.slice(theirs.value, 2, 1)];
  const ofPart = withDropoutSeed(
    "1",
    () => drop(part, { training: true, rate: RATE }),
    rows,
  );
  assertEquals(await ofPart.data(), await whole.data());
  tf.dispose([x, dy, { ...ours }, { ...theirs }, part, whole, ofPart]);
});

onEachBackend("dropout acts on embeddings, in training", async () => {
  const layer = tokenEmbedding({ vocabularySize: 9, dim: 8, dropout: RATE });
  const ids = tf.tensor2d(
    array(8 * 10, uniform(1), (u) => Math.floor(9 * u)),
    [8, 10],
    "int32",
  );
  const [usual, trained] = [false, true].map((training) =>
    call(layer, ids, training)
  );
  assertDropped(await ratios(usual!, trained!));
  layer.dispose();
  tf.dispose([ids, usual!, trained!]);
});

onEachBackend(
  "dropPath leaves out a part of a sequence at a time",
  async () => {
    const batch = 200, size = 3 * 4;
    const block = lionBlock({ variant: "d", numHeads: 2, dropPath: RATE });
    const x = tf.tensor3d(array(batch * size, uniform(1)), [batch, 3, 4]);
    call(block, x, false).dispose();
    // Attention is then the only part that adds something.
    for (const name of ["mlp.fc2.weight", "mlp.fc2.bias"]) {
      const variable = block.parameter(name) as tf.Variable;
      tf.tidy(() => variable.assign(tf.zerosLike(variable)));
    }
    // Far larger than what x + y rounds.
    const projection = block.parameter("attn.proj.weight") as tf.Variable;
    tf.tidy(() => projection.assign(tf.mul(projection, 1e3)));
    const [usual, trained] = [false, true].map((training) =>
      tf.tidy(() => tf.sub(call(block, x, training), x))
    );
    const [below, above] = [await usual!.data(), await trained!.data()];
    const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
      Array.from(a).reduce((sum, value, n) => sum + value * b[n]!, 0);
    const factors = Array.from({ length: batch }, (_, i) => {
      const [a, b] = [below, above].map((values) =>
        values.subarray(i * size, (i + 1) * size)
      );
      return dot(a!, b!) / dot(a!, a!);
    });
    assertDropped(factors);
    const largest = Math.max(...below.map(Math.abs));
    above.forEach((value, i) =>
      assertAlmostEquals(
        value,
        factors[Math.floor(i / size)]! * below[i]!,
        1e-5 * largest,
      )
    );
    block.dispose();
    tf.dispose([x, usual!, trained!]);
  },
);

onEachBackend("fit trains with dropout, predict does without", async () => {
  const tokens = input({ shape: [3, 4] });
  const block = lionBlock({
    variant: "s",
    numHeads: 2,
    dropout: RATE,
    dropPath: RATE,
    seed: 1,
  });
  const whole = model({
    inputs: tokens,
    outputs: block.apply(tokens) as SymbolicTensor,
  });
  const optimizer = tf.train.sgd(0);
  whole.compile({ optimizer, loss: "meanSquaredError" });
  const x = tf.tensor3d(array(50 * 3 * 4, uniform(1)), [50, 3, 4]);
  const [y, again] = [0, 1].map(() => whole.predict(x) as tf.Tensor);
  assertEquals([...await again!.data()], [...await y!.data()]);
  // Without dropout and at a learning rate of 0 the loss would be 0.
  const { history } = await whole.fit(x, y!, { batchSize: 50, verbose: 0 });
  const [loss] = history["loss"] as number[];
  assert(loss! > 1e-6, `${loss}`);
  const evaluated = whole.evaluate(x, y!) as tf.Scalar;
  assertAlmostEquals((await evaluated.data())[0]!, 0, 1e-12);
  tf.dispose([x, y!, again!, evaluated]);
  optimizer.dispose();
  whole.dispose();
});
