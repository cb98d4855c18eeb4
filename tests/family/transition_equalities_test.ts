/** Members of the family that change their state by matrices, and are others in disguise. @module */
import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  comba,
  deltaNet,
  deltaProduct,
  forgettingAttention,
  gatedDeltaNet,
  gatedDeltaNet2,
  gatedDeltaProduct,
  gatedLinearAttention,
  kimiDeltaAttention,
  pathAttention,
  rwkv7,
} from "../../lib/family/mod.ts";
import { lionAttention, selectiveDecay, softmaxAttention } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import {
  decay,
  type Equality,
  HEAD,
  signed,
  testEquality,
  vectors,
} from "./equality.ts";

// deno-lint-ignore no-explicit-any -- each member has inputs of its own
type Inputs = any;

const share = (u: number) => u < -0.8 ? 0 : u > 0.8 ? 1 : (1 + u) / 2;
const twice = (u: number) => 2 * share(u);

/** Rows of length one. */
const unit = (x: tf.Tensor): tf.Tensor => tf.div(x, tf.norm(x, 2, -1, true));

/** A number of each token for all channels of its keys, or of its values. */
const forAll = (x: tf.Tensor, of: tf.Tensor): tf.Tensor =>
  tf.mul(tf.onesLike(of), tf.expandDims(x, 3));

const scaleOf = 1 / Math.sqrt(HEAD);

const qkv: Equality["inputs"] = (sizes) => {
  const { keys, values } = vectors(sizes);
  return { q: [keys, signed], k: [keys, signed], v: [values, signed] };
};
/** Towards 2 rounding errors do not fade where nothing decays. */
const withBeta: Equality["inputs"] = (sizes) => ({
  ...qkv(sizes),
  beta: [vectors(sizes).tokens, share],
});
const gated: Equality["inputs"] = (sizes) => ({
  ...qkv(sizes),
  beta: [vectors(sizes).tokens, twice],
  logDecay: [vectors(sizes).tokens, decay],
});
const ofChannels: Equality["inputs"] = (sizes) => ({
  ...withBeta(sizes),
  logDecay: [vectors(sizes).keys, decay],
});

/** Inputs of a token of two steps. */
const ofSteps: Equality["inputs"] = (sizes) => {
  const { keys, values, tokens } = vectors(sizes);
  const inSteps = (
    shape: number[],
  ) => [...shape.slice(0, 3), 2, ...shape.slice(3)];
  return {
    q: [keys, signed],
    k: [inSteps(keys), signed],
    v: [inSteps(values), signed],
    beta: [inSteps(tokens), twice],
    logDecay: [tokens, decay],
  };
};

/** The first step of each token. */
const firstStep = (x: tf.Tensor): tf.Tensor =>
  tf.squeeze(tf.slice(x, [0, 0, 0, 0], [-1, -1, -1, 1]), [3]);

/** x as the only step of each token. */
const oneStep = (x: tf.Tensor): tf.Tensor => tf.expandDims(x, 3);

/** Steps as tokens of their own. */
const flat = (x: tf.Tensor): tf.Tensor => {
  const [batch, heads, length, steps, ...columns] = x.shape;
  return tf.reshape(x, [batch!, heads!, length! * steps!, ...columns]);
};

/** What only one of two steps has, and the other not, as tokens of their own. */
const atStep = (x: tf.Tensor, step: 0 | 1): tf.Tensor => {
  const zeros = tf.zerosLike(x);
  return flat(tf.stack(step ? [zeros, x] : [x, zeros], 3));
};

/** Every second row of two, those of last steps. */
const lastSteps = (y: tf.Tensor): tf.Tensor => {
  const [batch, heads, rows, columns] = y.shape as [
    number,
    number,
    number,
    number,
  ];
  const both = tf.reshape(y, [batch, heads, rows / 2, 2, columns]);
  return tf.squeeze(tf.slice(both, [0, 0, 0, 1], [-1, -1, -1, 1]), [3]);
};

/** Options of tokens, for two steps of each. */
const forSteps = (options: Inputs): object => {
  const { segments } = options;
  if (!segments) return options;
  const both = tf.stack([segments, segments], 2);
  return { ...options, segments: tf.reshape(both, [segments.shape[0], -1]) };
};

const EQUALITIES: readonly Equality[] = [
  {
    name:
      "gatedDeltaNet2() with one number for a token's gates is kimiDeltaAttention()",
    inputs: ofChannels,
    ways: [
      ({ q, k, v, beta, logDecay }: Inputs, options) =>
        gatedDeltaNet2({
          ...{ q, k: unit(k), v, logDecay },
          ...{ eraseGate: forAll(beta, k), writeGate: forAll(beta, v) },
        }, options),
      ({ k, ...inputs }: Inputs, options) =>
        kimiDeltaAttention({ ...inputs, k: unit(k) }, options),
    ],
  },
  {
    name: "gatedDeltaNet2() with decays of tokens too is gatedDeltaNet()",
    inputs: gated,
    ways: [
      ({ q, k, v, beta, logDecay }: Inputs, options) =>
        gatedDeltaNet2({
          ...{ q, k: unit(k), v, logDecay: forAll(logDecay, k) },
          ...{ eraseGate: forAll(beta, k), writeGate: forAll(beta, v) },
        }, options),
      ({ k, ...inputs }: Inputs, options) =>
        gatedDeltaNet({ ...inputs, k: unit(k) }, options),
    ],
  },
  {
    name: "gatedDeltaNet2() that erases nothing is gatedLinearAttention()",
    inputs: (sizes) => ({
      ...qkv(sizes),
      logDecay: [vectors(sizes).keys, decay],
    }),
    ways: [
      ({ q, k, v, logDecay }: Inputs, options) =>
        gatedDeltaNet2({
          ...{ q, k, v, logDecay },
          ...{ eraseGate: tf.zerosLike(k), writeGate: tf.onesLike(v) },
        }, options),
      (inputs: Inputs, options) => gatedLinearAttention(inputs, options),
    ],
  },
  {
    name: "rwkv7() that moves what it erases back is gatedDeltaNet2()",
    inputs(sizes) {
      const { keys, values } = vectors(sizes);
      return {
        ...qkv(sizes),
        logDecay: [keys, decay],
        // Towards 2 states grow, and rounding errors with them.
        eraseGate: [keys, share],
        writeGate: [values, share],
      };
    },
    ways: [
      ({ q, k, v, logDecay, eraseGate, writeGate }: Inputs, options) => {
        const key = unit(k);
        const erased = tf.mul(tf.exp(logDecay), tf.mul(eraseGate, key));
        return rwkv7({
          ...{ r: q, logDecay, k: key, v: tf.mul(writeGate, v) },
          ...{ a: tf.neg(erased), b: key },
        }, { scale: scaleOf, ...options });
      },
      ({ k, ...inputs }: Inputs, options) =>
        gatedDeltaNet2({ ...inputs, k: unit(k) }, options),
    ],
  },
  {
    name: "rwkv7() of β k is gatedDeltaNet()",
    inputs: gated,
    ways: [
      ({ q, k, v, beta, logDecay }: Inputs, options) => {
        const key = unit(k), written = tf.mul(forAll(beta, k), key);
        const ofAll = forAll(logDecay, k);
        return rwkv7({
          ...{ r: q, logDecay: ofAll, k: written, v },
          ...{ a: tf.neg(tf.mul(tf.exp(ofAll), key)), b: written },
        }, { scale: scaleOf, ...options });
      },
      ({ k, ...inputs }: Inputs, options) =>
        gatedDeltaNet({ ...inputs, k: unit(k) }, options),
    ],
  },
  {
    name: "rwkv7() of β k without decays is deltaNet()",
    inputs: withBeta,
    ways: [
      ({ q, k, v, beta }: Inputs, options) => {
        const key = unit(k), written = tf.mul(forAll(beta, k), key);
        return rwkv7({
          ...{ r: q, logDecay: tf.zerosLike(k), k: written, v },
          ...{ a: tf.neg(key), b: written },
        }, { scale: scaleOf, ...options });
      },
      ({ k, ...inputs }: Inputs, options) =>
        deltaNet({ ...inputs, k: unit(k) }, options),
    ],
  },
  {
    name: "rwkv7() that reads nothing is gatedLinearAttention() of scale 1",
    inputs: (sizes) => ({
      ...qkv(sizes),
      logDecay: [vectors(sizes).keys, decay],
    }),
    ways: [
      ({ q, k, v, logDecay }: Inputs, options) =>
        rwkv7({
          ...{ r: q, logDecay, k, v, a: tf.zerosLike(k), b: tf.onesLike(k) },
        }, options),
      (inputs: Inputs, options) =>
        gatedLinearAttention(inputs, { scale: 1, ...options }),
    ],
  },
  {
    name: "deltaProduct() of one step is deltaNet()",
    inputs: withBeta,
    ways: [
      ({ q, k, v, beta }: Inputs, options) =>
        deltaProduct({
          ...{ q, k: oneStep(unit(k)), v: oneStep(v), beta: oneStep(beta) },
        }, options),
      ({ k, ...inputs }: Inputs, options) =>
        deltaNet({ ...inputs, k: unit(k) }, options),
    ],
  },
  {
    name: "gatedDeltaProduct() of one step is gatedDeltaNet()",
    inputs: gated,
    ways: [
      ({ q, k, v, beta, logDecay }: Inputs, options) =>
        gatedDeltaProduct({
          ...{ q, k: oneStep(unit(k)), v: oneStep(v), beta: oneStep(beta) },
          logDecay,
        }, options),
      ({ k, ...inputs }: Inputs, options) =>
        gatedDeltaNet({ ...inputs, k: unit(k) }, options),
    ],
  },
  {
    name:
      "gatedDeltaProduct() whose second step writes nothing is gatedDeltaNet()",
    inputs: ofSteps,
    ways: [
      ({ q, k, v, beta, logDecay }: Inputs, options) => {
        const first = firstStep(beta);
        const steps = tf.stack([first, tf.zerosLike(first)], 3);
        return gatedDeltaProduct(
          { q, k: unit(k), v, beta: steps, logDecay },
          options,
        );
      },
      ({ q, k, v, beta, logDecay }: Inputs, options) =>
        gatedDeltaNet({
          ...{ q, k: firstStep(unit(k)), v: firstStep(v) },
          ...{ beta: firstStep(beta), logDecay },
        }, options),
    ],
  },
  {
    name: "causal gatedDeltaProduct() is gatedDeltaNet() on all steps",
    inputs: ofSteps,
    directions: [true],
    ways: [
      ({ k, ...inputs }: Inputs, options) =>
        gatedDeltaProduct({ ...inputs, k: unit(k) }, options),
      ({ q, k, v, beta, logDecay }: Inputs, options) =>
        lastSteps(gatedDeltaNet({
          ...{ q: atStep(q, 1), k: flat(unit(k)), v: flat(v) },
          ...{ beta: flat(beta), logDecay: atStep(logDecay, 0) },
        }, forSteps(options))),
    ],
  },
  {
    name: "comba() that reads by its decayed key is gatedDeltaNet()",
    inputs: gated,
    ways: [
      ({ k, logDecay, ...inputs }: Inputs, options) => {
        const key = unit(k), p = tf.mul(tf.exp(forAll(logDecay, k)), key);
        return comba({ ...inputs, k: key, p, logDecay }, options);
      },
      ({ k, ...inputs }: Inputs, options) =>
        gatedDeltaNet({ ...inputs, k: unit(k) }, options),
    ],
  },
  {
    name: "comba() without decays, that reads by its key, is deltaNet()",
    inputs: withBeta,
    ways: [
      ({ k, beta, ...inputs }: Inputs, options) => {
        const key = unit(k), logDecay = tf.zerosLike(beta);
        return comba({ ...inputs, k: key, p: key, beta, logDecay }, options);
      },
      ({ k, ...inputs }: Inputs, options) =>
        deltaNet({ ...inputs, k: unit(k) }, options),
    ],
  },
  {
    name: "comba() that reads nothing is LION-S of keys β k, not normalised",
    inputs: gated,
    ways: [
      ({ k, ...inputs }: Inputs, options) =>
        comba({ ...inputs, k, p: tf.zerosLike(k) }, options),
      ({ q, k, v, beta, logDecay }: Inputs, options) =>
        lionAttention(q, tf.mul(forAll(beta, k), k), v, {
          decay: selectiveDecay(logDecay, { convention: "arrival" }),
          ...{ normalize: false, scale: scaleOf, ...options },
        }),
    ],
  },
  {
    name: "pathAttention() that changes no keys is forgettingAttention()",
    fewest: 2,
    inputs: (sizes) => ({
      ...qkv(sizes),
      logDecay: [vectors(sizes).tokens, decay],
    }),
    ways: [
      (inputs: Inputs, options) => {
        const { k, logDecay } = inputs;
        const none = { w: tf.onesLike(k), beta: tf.zerosLike(logDecay) };
        return pathAttention({ ...inputs, ...none }, options);
      },
      (inputs: Inputs, options) => forgettingAttention(inputs, options),
    ],
  },
  {
    name: "pathAttention() without decays too is softmaxAttention()",
    fewest: 2,
    inputs: qkv,
    ways: [
      ({ q, k, v }: Inputs, options) =>
        pathAttention({
          ...{ q, k, v, w: k, beta: tf.zeros(k.shape.slice(0, 3)) },
        }, options),
      ({ q, k, v }: Inputs, options) => softmaxAttention(q, k, v, options),
    ],
  },
];

EQUALITIES.forEach(testEquality);

onEachBackend(
  "states without a direction, and tokens without steps, are refused",
  () => {
    const held = tf.memory().numTensors;
    tf.tidy(() => {
      const q = tf.zeros([1, 2, 5, 4]), ofTokens = tf.zeros([1, 2, 5]);
      const initialState = tf.zeros([1, 2, 4, 4]);
      const vectors = { q, k: q, v: q, initialState };
      const steps = (count: number) => ({
        ...{
          q,
          k: tf.zeros([1, 2, 5, count, 4]),
          v: tf.zeros([1, 2, 5, count, 4]),
        },
        beta: tf.zeros([1, 2, 5, count]),
      });
      const { q: r, ...others } = vectors;
      const calls = [
        () => rwkv7({ ...others, r, logDecay: q, a: q, b: q }),
        () =>
          gatedDeltaNet2({
            ...vectors,
            logDecay: q,
            eraseGate: q,
            writeGate: q,
          }),
        () => comba({ ...vectors, p: q, beta: ofTokens, logDecay: ofTokens }),
        () => deltaProduct({ ...steps(2), initialState }),
        () =>
          gatedDeltaProduct({ ...steps(2), logDecay: ofTokens, initialState }),
      ];
      for (const call of calls) {
        assertThrows(
          call,
          RangeError,
          "initialState should come with causal: true",
        );
      }
      assertThrows(
        () => deltaProduct(steps(0)),
        RangeError,
        "deltaProduct's k should not be empty",
      );
      assertThrows(
        () => pathAttention({ ...steps(1), w: q, beta: ofTokens } as Inputs),
        TypeError,
        "pathAttention's k should have shape",
      );
    });
    assertEquals(tf.memory().numTensors, held);
  },
);
