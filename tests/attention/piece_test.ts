/** A piece of a sequence between two states; pieces that make a whole are in tests/subjects. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { logDecayPair } from "../../lib/attention/decays/decay_pair.ts";
import {
  attendWithState,
  passState,
} from "../../lib/attention/planning/with_state.ts";
import { bidirectionalDecay } from "../../mod.ts";
import { onEachBackend, TOLERANCE } from "../backends.ts";
import { assertNear } from "../comparison.ts";
import { array, uniform } from "../random.ts";
import { sampleForms } from "../sample.ts";
import {
  decayOf,
  definitionOf,
  LION,
  type LionCase,
} from "../subjects/lion.ts";
import { pairOf } from "../subjects/pieces.ts";
import { tensorsOf, tokenOptions } from "../subjects/subject.ts";

/** The states on both sides of a piece, `[batch, heads, headDim, valueDim + 1]`. */
interface Borders {
  readonly before: Float32Array;
  readonly after: Float32Array;
}

/** A piece's output and states in float64, from the definition. */
function solvePiece(
  problem: ReturnType<typeof definitionOf>,
  { before, after }: Borders,
) {
  const { batch, heads, length, headDim, valueDim, q, k, v, mask } = problem;
  const { scale, epsilon, normalize, causal, decay } = problem;
  const columns = valueDim + 1, size = headDim * columns;
  const y = new Float64Array(batch * heads * length * valueDim);
  const forward = new Float64Array(before.length);
  const backward = new Float64Array(before.length);
  for (let sequence = 0; sequence < batch * heads; sequence++) {
    const first = sequence * length, entry = Math.floor(sequence / heads);
    const isToken = (i: number) => mask?.[entry * length + i] !== 0;
    /** What tokens `start`, …, `end - 1` pay on arrival, together. */
    const decayBetween = (
      side: "forward" | "backward",
      start: number,
      end: number,
    ) => {
      if (decay.kind !== "two-sided") return 1;
      const log = decay[side].subarray(first + start, first + end);
      return Math.exp(log.reduce((sum, x) => sum + x, 0));
    };
    const states = { before, after, forward, backward };
    const add = (to: keyof typeof states, factor: number, from: Float32Array) =>
      rows(headDim, columns, (n, c) => {
        const at = sequence * size + n * columns + c;
        states[to][at]! += factor * from[at]!;
      });
    const write = (to: keyof typeof states, factor: number, j: number) =>
      rows(headDim, columns, (n, c) => {
        const key = k[(first + j) * headDim + n]!;
        const value = c < valueDim ? v[(first + j) * valueDim + c]! : 1;
        states[to][sequence * size + n * columns + c]! += factor * key * value;
      });
    add("forward", decayBetween("forward", 0, length), before);
    add("backward", decayBetween("backward", 0, length), after);
    for (let i = 0; i < length; i++) {
      if (!isToken(i)) continue;
      write("forward", decayBetween("forward", i + 1, length), i);
      write("backward", decayBetween("backward", 0, i), i);
      const sums = new Float64Array(columns);
      const query = (n: number) => scale * q[(first + i) * headDim + n]!;
      const read = (factor: number, state: Float32Array) =>
        rows(headDim, columns, (n, c) => {
          const at = sequence * size + n * columns + c;
          sums[c]! += factor * query(n) * state[at]!;
        });
      read(decayBetween("forward", 0, i + 1), before);
      if (!causal) read(decayBetween("backward", i, length), after);
      for (let j = 0; j < (causal ? i + 1 : length); j++) {
        if (!isToken(j)) continue;
        const kept = j <= i
          ? decayBetween("forward", j + 1, i + 1)
          : decayBetween("backward", i, j);
        let product = 0;
        for (let n = 0; n < headDim; n++) {
          product += query(n) * k[(first + j) * headDim + n]!;
        }
        for (let c = 0; c < columns; c++) {
          const value = c < valueDim ? v[(first + j) * valueDim + c]! : 1;
          sums[c]! += kept * product * value;
        }
      }
      const divisor = normalize ? sums[valueDim]! + epsilon : 1;
      for (let c = 0; c < valueDim; c++) {
        y[(first + i) * valueDim + c] = sums[c]! / divisor;
      }
    }
  }
  return { y, forward, backward };
}

/** Calls for each entry of a matrix. */
function rows(
  rows: number,
  columns: number,
  entry: (row: number, column: number) => void,
): void {
  for (let n = 0; n < rows; n++) {
    for (let c = 0; c < columns; c++) entry(n, c);
  }
}

const CASES = [1, 3, 64, 70].flatMap((length) =>
  // One sequence alone is computed in several parts.
  [{ batch: 1, heads: 1 }, { batch: 2, heads: 5 }].flatMap((sizes) =>
    (["none", "two-sided"] as const).flatMap((decay) =>
      [false, true].flatMap((causal) =>
        [true, false].flatMap((normalize) =>
          [false, true].flatMap((padded) =>
            [false, true].map((kernel): [LionCase, boolean] => [
              { ...sizes, length, decay, causal, normalize, padded },
              kernel,
            ])
          )
        )
      )
    )
  )
);

onEachBackend(
  "a piece reads its states and hands them on",
  async (backend) => {
    const cases = sampleForms(backend, CASES, ([, kernel]) => !kernel);
    for (const [c, kernel] of cases) {
      const problem = LION.problemOf(c);
      const { batch, heads, headDim, valueDim, causal } = problem;
      const { scale, normalize, epsilon } = problem;
      const shape: [number, number, number, number] = [
        ...[batch, heads] as const,
        ...[headDim, valueDim + 1] as const,
      ];
      const random = uniform(c.length);
      const size = tf.util.sizeFromShape(shape);
      const borders = {
        before: array(size, random, (u) => 0.1 + u),
        after: array(size, random, (u) => 0.1 + u),
      };
      const wanted = solvePiece(definitionOf(problem), borders);
      const inputs = tensorsOf(problem);
      const { mask: tokens } = tokenOptions(problem);
      const before = tf.tensor4d(borders.before, shape);
      const after = tf.tensor4d(borders.after, shape);
      const held = tf.memory().numTensors;
      const results = tf.tidy(() => {
        const { q, k, v, ...decays } = inputs as Record<string, tf.Tensor4D>;
        const decay = decayOf(c.decay, decays);
        const pair = pairOf(decay, q!.shape, causal);
        const piece = attendWithState(q!, k!, v!, pair, {
          ...{ causal, scale, normalize, epsilon, kernel, before, tokens },
          ...causal ? {} : { after },
        });
        assertEquals(piece.backward === null, causal);
        return {
          ...{ y: piece.y, forward: piece.forward },
          passed: passState(k!, v!, pair, "before", before, tokens),
          ...piece.backward && {
            backward: piece.backward,
            passedBack: passState(k!, v!, pair, "after", after, tokens),
          },
        };
      });
      assertEquals(tf.memory().numTensors, held + Object.keys(results).length);
      const { forward: tolerance } = TOLERANCE[backend];
      for (const [name, result] of Object.entries<tf.Tensor>(results)) {
        const of = name === "y"
          ? wanted.y
          : /back/i.test(name)
          ? wanted.backward
          : wanted.forward;
        assertNear(
          `${JSON.stringify(c)} kernel ${kernel}: ${name}`,
          await result.data<"float32">(),
          of,
          tolerance,
        );
      }
      tf.dispose([inputs, before, after, results, tokens ?? []]);
    }
  },
  { sampled: true },
);

onEachBackend(
  "the decays at a part's borders apply, and those of a whole do not",
  () => {
    // One token between the states 2 and 3, of which a half and a quarter remain.
    const answer = tf.tidy(() => {
      const one: tf.Tensor4D = tf.ones([1, 1, 1, 1]);
      const log = (x: number) => tf.fill<tf.Rank.R3>([1, 1, 1], Math.log(x));
      const decay = bidirectionalDecay(log(0.5), log(0.25));
      const { y, forward, backward } = attendWithState(
        one,
        one,
        one,
        logDecayPair(decay, [1, 1, 1]),
        {
          causal: false,
          scale: 1,
          normalize: false,
          epsilon: 0,
          before: tf.fill([1, 1, 1, 2], 2),
          after: tf.fill([1, 1, 1, 2], 3),
        },
      );
      return [y, forward, backward!].map((x) => x.arraySync());
    });
    assertEquals(answer, [[[[[2.75]]]], [[[[2, 2]]]], [[[[1.75, 1.75]]]]]);
  },
  ["cpu"],
);
