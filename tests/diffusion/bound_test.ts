/** The loss and the bound of masked diffusion equal enumeration. @module */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { diffusionBound, diffusionLoss } from "../../lib/diffusion/mod.ts";
import { crossEntropy } from "../../lib/training/mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { hiddenNats, orders, subsets, toyModel } from "./toy_model.ts";

const IGNORED = -100;

onEachBackend(
  "diffusionLoss() equals the mean of rows' means in float64, with its gradient",
  async () => {
    const [rows, length, classes] = [4, 5, 6] as const;
    const labels = [
      [0, IGNORED, 5, 2, IGNORED],
      [IGNORED, IGNORED, IGNORED, IGNORED, IGNORED],
      [1, 1, 1, 1, 1],
      [IGNORED, 3, IGNORED, IGNORED, IGNORED],
    ];
    const values = array(rows * length * classes, uniform(3), (u) => 8 * u);
    let expected = 0;
    const gradient = new Float64Array(values.length);
    labels.forEach((row, i) => {
      const count = row.filter((label) => label !== IGNORED).length;
      row.forEach((label, j) => {
        if (label === IGNORED) return;
        const first = (i * length + j) * classes;
        const x = [...values.subarray(first, first + classes)];
        const total = x.reduce((sum, x) => sum + Math.exp(x), 0);
        expected += (Math.log(total) - x[label]!) / count / 3;
        x.forEach((x, c) => {
          gradient[first + c] = (Math.exp(x) / total - (c === label ? 1 : 0)) /
            count / 3;
        });
      });
    });
    const logits = tf.tensor3d(values, [rows, length, classes]);
    const wanted = tf.tensor2d(labels, [rows, length], "int32");
    const loss = diffusionLoss();
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => loss(x, wanted))(
      logits,
    );
    assertAlmostEquals((await value.data())[0]!, expected, 1e-5);
    (await grad.data()).forEach((x, i) =>
      assertAlmostEquals(x, gradient[i]!, 1e-6)
    );
    const [count, weights] = [loss.count!(wanted), loss.weights!(wanted)];
    assertEquals((await count.data())[0], 3);
    assertAlmostEquals((await weights.data())[0]!, 1 / 3, 1e-6);
    const nothing = tf.fill([rows, length], IGNORED, "int32");
    const none = loss(logits, nothing);
    assertEquals((await none.data())[0], 0);
    const tokens = diffusionLoss({ weighting: "tokens" })(logits, wanted);
    const mean = crossEntropy()(logits, wanted);
    assertEquals(await tokens.data(), await mean.data());
    tf.dispose([logits, wanted, value, grad, count, weights, nothing, none]);
    tf.dispose([tokens, mean]);
  },
);

onEachBackend(
  "diffusionBound() equals the mean over all orders, and MDLM's integral",
  async () => {
    const model = toyModel({ length: 5, vocabulary: 4 });
    const sequences = [[0, 2, 1, 1, 2], [2, 2, 0, 1, 0]];
    const given = [
      [false, true, false, false, false],
      [false, false, false, false, false],
    ];
    const { maskToken } = model;
    const bounds = sequences.map((ids, row) => {
      const free = ids.flatMap((_, i) => given[row]![i] ? [] : [i]);
      const all = orders(free);
      // The model writes the tokens one by one, in each order as likely as in others.
      const byOrders = all.reduce((sum, order) =>
        sum + order.reduce((sum, place, i) => {
          const hidden = order.slice(i);
          const seen = ids.map((id, j) =>
            hidden.includes(j) ? maskToken : id
          );
          return sum - model.logProbabilities(seen, place)[ids[place]!]!;
        }, 0), 0) / all.length;
      // The integrand is a polynomial in t, of which the midpoints leave an error of 1e-7.
      const steps = 4096;
      const sets = subsets(free)
        .map((hidden) => [hidden.length, hiddenNats(model, ids, hidden)]);
      let byTime = 0;
      for (let step = 0; step < steps; step++) {
        const t = (step + 0.5) / steps;
        for (const [l, nats] of sets) {
          byTime += t ** (l! - 1) * (1 - t) ** (free.length - l!) * nats! /
            steps;
        }
      }
      assertAlmostEquals(byTime, byOrders, 1e-6);
      return byOrders;
    });
    const exact = await diffusionBound(model.apply, sequences, {
      maskToken,
      given,
      exact: true,
    });
    assertAlmostEquals(exact.nats, (bounds[0]! + bounds[1]!) / 2, 1e-5);
    assertAlmostEquals(
      exact.bitsPerToken,
      (bounds[0]! + bounds[1]!) / 9 / Math.LN2,
      1e-5,
    );
    assertEquals(exact.standardError, 0);
    const sampled = await diffusionBound(model.apply, sequences, {
      maskToken,
      given,
      samples: 512,
      seed: 4,
    });
    assert(sampled.standardError > 0);
    assert(Math.abs(sampled.nats - exact.nats) < 3 * sampled.standardError);
    const again = { maskToken, given, samples: 3, seed: 4 };
    assertEquals(
      await diffusionBound(model.apply, sequences, again),
      await diffusionBound(model.apply, sequences, again),
    );
    model.dispose();
  },
);

onEachBackend("diffusionBound() says what is wrong", async () => {
  const model = toyModel({ length: 3, vocabulary: 4 });
  const bound = (ids: number[][], more = {}) => () =>
    diffusionBound(model.apply, ids, { maskToken: 3, ...more });
  await assertRejects(bound([[0, 3, 1]]), RangeError, "only where it is given");
  await assertRejects(bound([]), RangeError, "got none");
  await assertRejects(
    bound([[0, 1, 2]], { given: [[true]] }),
    RangeError,
    "given should be one for each of its 3 tokens, got 1",
  );
  await assertRejects(bound([[0, 1, 7]]), RangeError);
  await assertRejects(
    bound([Array(13).fill(0)], { exact: true }),
    RangeError,
    "12 tokens that are not given at most, got 13 at 0",
  );
  await assertRejects(
    () =>
      diffusionBound(() => tf.zeros([1, 2, 3]), [[0, 1, 2]], { maskToken: 3 }),
    TypeError,
    "should return logits of shape [16, 3, vocabulary]",
  );
  assertThrows(
    () => diffusionLoss({ weighting: "rows" as "bound" }),
    RangeError,
    'weighting should be "bound" or "tokens", got "rows"',
  );
  assertThrows(
    () =>
      tf.tidy(() => diffusionLoss()(tf.zeros([2, 3]), tf.zeros([2], "int32"))),
    TypeError,
    "predictions should have shape [batch, length, vocabulary], got [2,3]",
  );
  model.dispose();
}, { only: ["cpu"] });
