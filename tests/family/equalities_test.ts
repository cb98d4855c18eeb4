/** Members of the family that are others in disguise: outputs and gradients. @module */
import { assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LogLinearAttentionInputs } from "../../lib/family/log_linear/log_linear_attention.ts";
import type { Mamba3Inputs } from "../../lib/family/mamba3/mamba3.ts";
import {
  gateLoop,
  logLinearAttention,
  mamba2,
  mamba3,
} from "../../lib/family/mod.ts";
import { lionAttention, selectiveDecay } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import {
  decay,
  type Equality,
  HEAD,
  signed,
  testEquality,
  vectors,
} from "./equality.ts";

/** Channels, each followed by one of zeros. */
const interleaved = (x: tf.Tensor): tf.Tensor =>
  tf.reshape(
    tf.stack([x, tf.zerosLike(x)], 4),
    [...x.shape.slice(0, 3), 2 * HEAD],
  );

const EQUALITIES: readonly Equality[] = [
  {
    name: "mamba3() without angles, of steps by Euler's rule, is mamba2()",
    inputs(sizes) {
      const { keys, values, tokens } = vectors(sizes);
      return {
        ...{ x: [values, signed], b: [keys, signed], c: [keys, signed] },
        dt: [tokens, (u) => 0.6 + 0.5 * u],
        a: [[sizes.heads], (u) => -1.1 - u],
        d: [[sizes.heads], signed],
      };
    },
    ways: [
      ({ a, ...inputs }, options) =>
        mamba3({
          ...inputs,
          a: tf.add(tf.zerosLike(inputs["dt"]!), tf.expandDims(a!, 1)),
        } as unknown as Mamba3Inputs, options),
      (inputs, options) =>
        mamba2(inputs as unknown as Parameters<typeof mamba2>[0], options),
    ],
  },
  {
    name: "mamba3() without angles and shares is that with angles of 0",
    inputs(sizes) {
      const { keys, values, tokens } = vectors(sizes);
      return {
        ...{ x: [values, signed], b: [keys, signed], c: [keys, signed] },
        dt: [tokens, (u) => 0.6 + 0.5 * u],
        a: [tokens, decay],
      };
    },
    ways: [
      (inputs, options) => mamba3(inputs as unknown as Mamba3Inputs, options),
      (inputs, options) =>
        mamba3({
          ...inputs,
          phase: tf.zeros([...inputs["dt"]!.shape, 1]),
          trapezoid: tf.onesLike(inputs["dt"]!),
        } as unknown as Mamba3Inputs, options),
    ],
  },
  {
    name: "mamba3() of channels beside zeros is gateLoop() of equal decays",
    inputs(sizes) {
      const { keys, values, tokens } = vectors(sizes);
      return {
        ...{ q: [keys, signed], k: [keys, signed], v: [values, signed] },
        logDecay: [tokens, decay],
        phase: [keys, (u) => 3 * u],
      };
    },
    ways: [
      ({ q, k, v, logDecay, phase }, options) =>
        mamba3({
          ...{ x: v!, dt: tf.onesLike(logDecay!), a: logDecay! },
          ...{ b: interleaved(k!), c: interleaved(q!), phase: phase! },
        }, options),
      ({ logDecay, q, ...inputs }, options) =>
        gateLoop(
          {
            ...inputs,
            q: q!,
            logDecay: tf.add(tf.zerosLike(q!), tf.expandDims(logDecay!, 3)),
          } as Parameters<typeof gateLoop>[0],
          options,
        ),
    ],
  },
  {
    name: "logLinearAttention() of equal scales is LION-S, not normalised",
    inputs(sizes) {
      const { keys, values, tokens } = vectors(sizes);
      return {
        ...{ q: [keys, signed], k: [keys, signed], v: [values, signed] },
        logDecay: [tokens, decay],
      };
    },
    ways: [
      (inputs, options) =>
        logLinearAttention({
          ...inputs,
          levelScales: tf.ones([...inputs["logDecay"]!.shape, 9]),
        } as unknown as LogLinearAttentionInputs, { chunkSize: 8, ...options }),
      ({ q, k, v, logDecay }, options) =>
        lionAttention(q!, k!, v!, {
          decay: selectiveDecay(logDecay!, { convention: "arrival" }),
          ...{ normalize: false, scale: 1, ...options },
        }),
    ],
  },
];

EQUALITIES.forEach(testEquality);

onEachBackend(
  "what a tree or pairs of channels have no room for is refused",
  () => {
    tf.tidy(() => {
      const q = tf.zeros([1, 2, 5, 4]), ofTokens = tf.zeros([1, 2, 5]);
      const levelScales = tf.zeros([1, 2, 5, 3]);
      assertThrows(
        () =>
          logLinearAttention({
            q,
            k: q,
            v: q,
            logDecay: ofTokens,
            levelScales,
          }),
        RangeError,
        "logLinearAttention's levelScales should have at least 4 levels for 5 tokens, bit length(length - 1) + 1, got 3",
      );
      const phase = tf.zeros([1, 2, 5, 3]);
      assertThrows(
        () => mamba3({ x: q, dt: ofTokens, a: ofTokens, b: q, c: q, phase }),
        RangeError,
        "mamba3's phase should have at most one angle for two of b's 4 channels, got 3",
      );
    });
  },
);
