/** Softmax attention's positions in scores, RoPE and ALiBi, in layers and models. @module */
import { assert, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { softmaxMixer } from "../../lib/layers/mixers/softmax.ts";
import { rotated } from "../../lib/operations/rotary.ts";
import {
  generate,
  lionBert,
  lionEncoder,
  lionGpt,
  lionViT,
  modelSummary,
} from "../../mod.ts";
import type { MixerState } from "../../lib/layers/mod.ts";
import { onEachBackend } from "../backends.ts";
import { differences } from "../comparison.ts";
import { solveSoftmaxMixer } from "../mixer_oracles.ts";
import { saveAndLoad } from "../models/save_and_load.ts";
import { withWeights } from "../models/weights.ts";
import { array, uniform } from "../random.ts";
import { sample } from "../sample.ts";
import { CALL, problemOf, run } from "./mixer_problem.ts";

/** Largest errors, relative to the largest value. */
const MOST = { forward: 2e-5, gradient: 1e-4 };

const POSITIONS = ["rotary", "alibi"] as const;
type Position = typeof POSITIONS[number];

const [DIM, HEADS] = [8, 2];

function mixerOf(position: Position, rotaryScale = 1) {
  const options = { numHeads: HEADS, outputNorm: false, position };
  return softmaxMixer({ ...options, rotaryScale });
}

const PARAMETERS = mixerOf("rotary").parameters([1, 1, DIM]);

function parameterOf(parameters: tf.Tensor[]) {
  return (name: string) =>
    parameters[PARAMETERS.findIndex((parameter) => parameter.name === name)]!;
}

const CASES = POSITIONS.flatMap((position) =>
  [false, true].flatMap((causal) =>
    [1, 2, 19, 34].map((length) => ({
      ...{ position, causal, length, batch: 2 },
      rotaryScale: causal ? 1 : 2.5,
    }))
  )
);

onEachBackend(
  "softmax with RoPE and with ALiBi equals its papers, outputs and gradients",
  async (backend) => {
    const failures: string[] = [];
    const isEdge = ({ length }: { length: number }) => length === 19;
    for (const c of sample(backend, CASES, isEdge)) {
      const { position, rotaryScale, causal, length, batch } = c;
      const mixer = mixerOf(position, rotaryScale);
      const seed = 31 * length + batch;
      const problem = problemOf(mixer, [batch, length, DIM], seed);
      const got = await run(mixer, problem, causal);
      const wanted = solveSoftmaxMixer(problem, { heads: HEADS, ...c });
      failures.push(
        ...differences(problem, got, wanted, MOST)
          .map((line) => `${JSON.stringify(c)}: ${line}`),
      );
    }
    assertEquals(failures, []);
  },
  { sampled: true },
);

onEachBackend("RoPE is exact far from the first token", async () => {
  const places = [5, 4_095, 100_000];
  const x = tf.ones<tf.Rank.R4>([1, 1, 3, 4]);
  const of = tf.tensor2d([places], [1, 3], "int32");
  const y = tf.tidy(() => rotated(x, { of, length: 100_001 }));
  const wanted = places.flatMap((place) => {
    const [fast, slow] = [place, place / 100];
    return [
      Math.cos(fast) - Math.sin(fast),
      Math.cos(slow) - Math.sin(slow),
      Math.cos(fast) + Math.sin(fast),
      Math.cos(slow) + Math.sin(slow),
    ];
  });
  (await y.data()).forEach((got, i) =>
    assertLess(Math.abs(got - wanted[i]!), 1e-6)
  );
  tf.dispose([x, of, y]);
});

onEachBackend("positions that are divided lie between others", async () => {
  const x = tf.randomNormal<tf.Rank.R4>([1, 1, 5, 6], 0, 1, "float32", 3);
  const [apart, between] = tf.tidy(() => {
    const of = tf.tensor2d([[0, 2, 4, 6, 8]], [1, 5], "int32");
    return [rotated(x), rotated(x, { of, length: 9 }, 2)];
  }) as [tf.Tensor4D, tf.Tensor4D];
  const wanted = await apart.data();
  (await between.data()).forEach((got, i) =>
    assertLess(Math.abs(got - wanted[i]!), 1e-6)
  );
  tf.dispose([x, apart, between]);
});

for (const position of POSITIONS) {
  onEachBackend(
    `softmax with ${position} goes on where texts of several lengths have stopped`,
    async () => {
      const { inputs } = problemOf(mixerOf(position), [2, 9, DIM], 281);
      const x = tf.tensor3d(inputs["x"]!, [2, 9, DIM]);
      const parameters = PARAMETERS.map(({ name, shape }) =>
        tf.tensor(inputs[name]!, [...shape])
      );
      const texts = [9, 6];
      const step = (x: tf.Tensor3D, mask: tf.Tensor2D, state?: MixerState) =>
        mixerOf(position).step!(x, parameterOf(parameters), state, {
          mask,
          epsilon: 1e-6,
        });
      // Padding stands before each piece of the second text: 1 + 2 + 3 of its tokens.
      const pieces = [{ from: [0, 0], size: 4, own: [4, 1] }, {
        from: [4, 1],
        size: 2,
        own: [2, 2],
      }, { from: [6, 3], size: 3, own: [3, 3] }];
      const [whole, inPieces] = tf.tidy(() => {
        const rows = [0, 1].map((text) =>
          tf.slice(x, [text, 0, 0], [1, texts[text]!, DIM])
        );
        const whole = rows.map((row) =>
          mixerOf(position).apply(row, parameterOf(parameters), {
            ...CALL,
            causal: true,
          })
        );
        let state: MixerState | undefined;
        const outputs: tf.Tensor3D[][] = [[], []];
        for (const { from, size, own } of pieces) {
          const part = rows.map((row, text) =>
            tf.pad(
              tf.slice(row, [0, from[text]!, 0], [1, own[text]!, DIM]),
              [[0, 0], [size - own[text]!, 0], [0, 0]],
            )
          );
          const mask: tf.Tensor2D = tf.tensor2d(
            own.map((count) =>
              Array.from({ length: size }, (_, i) => i < size - count ? 0 : 1)
            ),
          );
          const { y, state: after } = step(tf.concat(part), mask, state);
          state = after;
          own.forEach((count, text) =>
            outputs[text]!.push(
              tf.slice(y, [text, size - count, 0], [1, count, DIM]),
            )
          );
        }
        return [
          tf.concat(whole, 1),
          tf.concat(outputs.map((parts) => tf.concat(parts, 1)), 1),
        ];
      }) as [tf.Tensor, tf.Tensor];
      const wanted = await whole.data();
      (await inPieces.data()).forEach((got, i) =>
        assertLess(Math.abs(got - wanted[i]!), 2e-5)
      );
      tf.dispose([x, ...parameters, whole, inPieces]);
    },
  );

  onEachBackend(
    `models of softmax with ${position} know of order, and come back from files`,
    async () => {
      const sizes = { dim: DIM, depth: 2, numHeads: HEADS, seed: 1 };
      const softmax = { ...sizes, variant: "softmax", position } as const;
      const ids = tf.tensor2d([[3, 1, 4, 1, 5]], [1, 5], "int32");
      const turned = tf.tensor2d([[1, 4, 3, 1, 5]], [1, 5], "int32");
      const mask = tf.ones([1, 5]);
      const models = [
        {
          model: lionEncoder({ ...softmax, vocabularySize: 7, numClasses: 3 }),
          inputs: [ids, mask],
          others: [turned, mask],
        },
        {
          model: lionBert({
            ...{ ...softmax, vocabularySize: 7, maxLength: 0, tokenTypes: 0 },
            head: "classification",
          }),
          inputs: [ids, mask],
          others: [turned, mask],
        },
        {
          model: lionViT({
            ...{ ...softmax, imageSize: 4, patchSize: 2, channels: 1 },
            ...{ numClasses: 2, positionEmbedding: false },
          }),
          inputs: [tf.tensor4d(array(16, uniform(2)), [1, 4, 4, 1])],
          // The lower half of the image above the upper one.
          others: [
            tf.tensor4d(
              ((x) => [...x.slice(8), ...x.slice(0, 8)])(array(16, uniform(2))),
              [1, 4, 4, 1],
            ),
          ],
        },
      ];
      for (const { model, inputs, others } of models) {
        await withWeights(model, 3);
        const y = model.predict(inputs) as tf.Tensor;
        const other = model.predict(others) as tf.Tensor;
        const [values, changed] = [await y.data(), await other.data()];
        assert(
          values.some((value, i) => Math.abs(value - changed[i]!) > 1e-4),
          model.name,
        );
        const again = await saveAndLoad(model);
        const same = again.predict(inputs) as tf.Tensor;
        assertEquals(await same.data(), values, model.name);
        model.dispose();
        again.dispose();
        tf.dispose([y, other, same]);
      }
      tf.dispose(models.flatMap(({ inputs, others }) => [inputs, others]));
    },
  );

  onEachBackend(
    `lionGpt of softmax with ${position} has no table of places, and no longest text`,
    async () => {
      const model = lionGpt({
        ...{ vocabularySize: 7, dim: DIM, depth: 2, numHeads: HEADS, seed: 1 },
        ...{ variant: "softmax", position },
      });
      assert(!model.weights.some(({ name }) => name.includes("position")));
      await withWeights(model, 4);
      const prompts = [[3, 1, 4], [2]];
      const options = { maxNewTokens: 6, temperature: 0 };
      const found = await generate(model, prompts, options);
      for (const [i, prompt] of prompts.entries()) {
        const text = [...prompt];
        for (let n = 0; n < options.maxNewTokens; n++) {
          const best = tf.tidy(() => {
            const ids = tf.tensor2d([text], [1, text.length], "int32");
            const logits = model.predict(ids) as tf.Tensor3D;
            return tf.argMax(
              tf.slice(logits, [0, text.length - 1, 0], [1, 1, -1]),
              2,
            );
          });
          text.push((await best.data())[0]!);
          best.dispose();
        }
        assertEquals(found[i], text.slice(prompt.length));
      }
      model.dispose();
    },
  );
}

onEachBackend(
  "modelSummary() knows that ALiBi makes no scores",
  () => {
    const peak = (position: "none" | "alibi") => {
      const model = lionEncoder({
        ...{ inputDim: 2, dim: DIM, depth: 1, numHeads: HEADS, numClasses: 2 },
        ...{ variant: "softmax", position },
      });
      const { forms } = modelSummary(model, [[1, 2048, 2], [1, 2048]]);
      model.dispose();
      return forms.chunkwise!.attentionPeakBytes;
    };
    // A matrix of scores is 16 MiB a head.
    for (const position of ["alibi", "none"] as const) {
      assertLess(peak(position), 2 ** 25);
    }
  },
  ["wasm", "webgpu"],
);
