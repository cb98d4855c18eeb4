/** LION-D and LION-S with a decay of each channel, and what it begins with. @module */
import { assert, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { mixerOf } from "../../lib/layers/options/variants.ts";
import {
  generate,
  lionAttentionLayer,
  lionEncoder,
  lionGpt,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { differences } from "../comparison.ts";
import { solveChannelDecay } from "../mixer_oracles.ts";
import { saveAndLoad } from "../models/save_and_load.ts";
import { array, uniform } from "../random.ts";
import { sample } from "../sample.ts";
import { problemOf, run } from "./mixer_problem.ts";

/** Largest errors, relative to the largest value. */
const MOST = { forward: 2e-5, gradient: 1e-4 };

const [DIM, HEADS] = [6, 2];
const VARIANTS = ["d", "s"] as const;

const CASES = VARIANTS.flatMap((variant) =>
  [false, true].flatMap((causal) =>
    [1, 2, 19].map((length) => ({
      ...{ variant, causal, length, classToken: !causal && variant === "s" },
    }))
  )
);

onEachBackend(
  "a decay of each channel in a layer equals the definition, outputs and gradients",
  async (backend) => {
    const failures: string[] = [];
    for (const c of sample(backend, CASES, ({ length }) => length === 19)) {
      const { variant, causal, length, classToken } = c;
      const mixer = mixerOf({
        ...{ variant, numHeads: HEADS, diagonalDecay: "hippo", classToken },
        ...{ featureMap: "identity", normalize: false },
      });
      const problem = problemOf(mixer, [2, length, DIM], length);
      const got = await run(mixer, problem, causal);
      const wanted = solveChannelDecay(problem, { heads: HEADS, ...c });
      failures.push(
        ...differences(problem, got, wanted, MOST)
          .map((line) => `${JSON.stringify(c)}: ${line}`),
      );
    }
    assertEquals(failures, []);
  },
  { sampled: true },
);

onEachBackend("decays of channels begin with HiPPO's", async () => {
  for (const variant of VARIANTS) {
    const layer = lionAttentionLayer({
      ...{ variant, numHeads: HEADS, diagonalDecay: "hippo", seed: 1 },
    });
    tf.tidy(() => void layer.apply(tf.ones([1, 2, DIM])));
    const name = variant === "d" ? "a_i" : "a_i.bias";
    const sign = variant === "d" ? 1 : -1;
    const logDecays = Array.from(
      await layer.parameter(name).data(),
      (logit) => -Math.log1p(Math.exp(-sign * logit)),
    );
    for (let head = 0; head < HEADS; head++) {
      const own = logDecays.slice(3 * head, 3 * head + 3);
      const step = -own[0]!;
      assert(step > 0.000999 && step < 0.1001, `a step of ${step}`);
      own.forEach((logDecay, n) =>
        assertLess(Math.abs(logDecay / (-step * (n + 1)) - 1), 1e-4)
      );
    }
    layer.dispose();
  }
});

onEachBackend(
  "random decays of channels begin as those of heads do",
  async () => {
    const [dim, numHeads] = [512, 4];
    for (const variant of VARIANTS) {
      const layer = lionAttentionLayer({
        ...{ variant, numHeads, diagonalDecay: "random", seed: 1 },
      });
      tf.tidy(() => void layer.apply(tf.ones([1, 2, dim])));
      const name = variant === "d" ? "a_i" : "a_i.weight";
      const parameter = layer.parameter(name);
      const deviation = variant === "d" ? 1 : dim ** -0.5;
      const values = Array.from(await parameter.data());
      assertEquals(
        parameter.shape,
        variant === "d" ? [numHeads, dim / numHeads] : [dim, dim],
      );
      const squares = values.reduce((sum, value) => sum + value ** 2, 0);
      const found = Math.sqrt(squares / values.length);
      // A normal distribution that is cut off at twice its deviation.
      assertLess(Math.abs(found / deviation - 0.88), 0.06);
      if (variant === "s") {
        const biases = await layer.parameter("a_i.bias").data();
        assert(biases.every((bias) => bias === 0));
      }
      layer.dispose();
    }
  },
);

onEachBackend(
  "models with decays of channels come back from files and go on with a text",
  async () => {
    for (const variant of VARIANTS) {
      const sizes = { variant, dim: DIM, depth: 2, numHeads: HEADS, seed: 1 };
      const hippo = { ...sizes, diagonalDecay: "hippo" } as const;
      const encoder = lionEncoder({ ...hippo, inputDim: 2, numClasses: 3 });
      const inputs = [
        tf.tensor3d(array(10, uniform(1)), [1, 5, 2]),
        tf.ones([1, 5]),
      ];
      const y = encoder.predict(inputs) as tf.Tensor;
      const again = await saveAndLoad(encoder);
      const same = again.predict(inputs) as tf.Tensor;
      assertEquals(await same.data(), await y.data());
      encoder.dispose();
      again.dispose();
      tf.dispose([...inputs, y, same]);

      const gpt = lionGpt({ ...hippo, vocabularySize: 7 });
      const options = { maxNewTokens: 4, temperature: 0 };
      const found = await generate(gpt, [[3, 1, 4], [2]], options);
      for (const [i, prompt] of [[3, 1, 4], [2]].entries()) {
        const text = [...prompt];
        for (let n = 0; n < options.maxNewTokens; n++) {
          const logits = tf.tidy(() => {
            const ids = tf.tensor2d([text], [1, text.length], "int32");
            const all = gpt.predict(ids) as tf.Tensor3D;
            return tf.slice(all, [0, text.length - 1, 0], [1, 1, -1]);
          });
          const values = [...await logits.data()];
          logits.dispose();
          text.push(values.indexOf(Math.max(...values)));
        }
        assertEquals(found[i], text.slice(prompt.length));
      }
      gpt.dispose();
    }
  },
);
