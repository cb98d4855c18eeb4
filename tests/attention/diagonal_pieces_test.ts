/** Decays of each channel in a sequence that comes in pieces, against the oracle. @module */
import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { diagonalDecayPair } from "../../lib/attention/decays/diagonal_decay.ts";
import {
  diagonalDecay,
  recurrentState,
  recurrentStep,
  selectiveDecay,
} from "../../mod.ts";
import { onEachBackend, TOLERANCE } from "../backends.ts";
import { differences } from "../comparison.ts";
import type { DiagonalProblem } from "../diagonal_oracle.ts";
import { sample, sampleForms } from "../sample.ts";
import {
  decayOf,
  type DiagonalCase,
  KINDS,
  solveBy,
  solvedCase,
} from "./diagonal_cases.ts";
import { inPieces } from "./pieces.ts";
import { collect, sourceOf } from "./stream_cases.ts";

/** How sequences come in pieces; some have several chunks of a kernel. */
const PIECES: readonly (readonly number[])[] = [
  [1],
  [13],
  Array(13).fill(1),
  [4, 1, 6, 2],
  [70, 1, 66],
];

type PieceCase = DiagonalCase & { pieces: readonly number[] };

function* cases(
  kinds: readonly DiagonalCase["kind"][] = KINDS,
  alsoBoth = true,
): Generator<PieceCase> {
  for (const pieces of PIECES) {
    const length = pieces.reduce((sum, piece) => sum + piece);
    for (const kind of kinds) {
      for (const causal of alsoBoth ? [false, true] : [true]) {
        for (const normalize of [true, false]) {
          for (const padded of [false, true]) {
            // Long ones in their corners alone.
            if (length > 100 && padded !== normalize) continue;
            yield {
              // Six sequences have decays of all kinds, those of 0 too.
              ...length > 100 ? { batch: 1, heads: 1 } : { batch: 2, heads: 3 },
              length,
              headDim: 4,
              valueDim: 3,
              kind,
              causal,
              normalize,
              padded,
              packed: false,
              pieces,
            };
          }
        }
      }
    }
  }
}

/** Each case twice. */
const withAndWithoutKernel = (cases: Iterable<PieceCase>) =>
  [...cases].flatMap((c) => [true, false].map((kernel) => ({ c, kernel })));

function solve({ pieces: _, ...c }: PieceCase) {
  return solvedCase(c);
}

function describe({ pieces, ...c }: PieceCase): string {
  return `${JSON.stringify(c)} in ${pieces}`;
}

/** A problem's tensors; `decays` in the order in which the problem has them. */
function tensorsOf(
  { batch, heads, length, headDim, valueDim, ...p }: DiagonalProblem,
) {
  const rows = (x: Float32Array, columns: number) =>
    tf.tensor4d(x, [batch, heads, length, columns]);
  return {
    q: rows(p.q, headDim),
    k: rows(p.k, headDim),
    v: rows(p.v, valueDim),
    decays: Object.values(p.decays).map((x) => rows(x, headDim)),
    mask: p.mask && tf.tensor2d(p.mask, [batch, length]),
  };
}

onEachBackend(
  "pieces with decays of each channel give the whole's output and gradients",
  async (backend) => {
    const wrong: string[] = [];
    const runs = withAndWithoutKernel(cases());
    for (
      const { c, kernel } of sampleForms(
        backend,
        runs,
        ({ kernel }) => !kernel,
      )
    ) {
      const { problem, solution: wanted } = solve(c);
      const { kind, causal, scale, normalize, epsilon } = problem;
      const options = { causal, scale, normalize, epsilon, kernel };
      const read: Parameters<typeof solveBy>[1] = (
        { q, k, v, decays },
        { mask },
      ) => {
        const decay = decayOf(kind, decays);
        const pair = diagonalDecayPair(decay, q.shape, causal);
        return inPieces(q, k, v, pair, c.pieces, { ...options, tokens: mask });
      };
      const held = tf.memory().numTensors;
      const got = await solveBy(problem, read);
      assertEquals(tf.memory().numTensors, held);
      const { q, k, v, decays, mask } = tensorsOf(problem);
      const alone = tf.tidy(() =>
        read({ q, k, v, decays }, mask ? { mask } : {})
      );
      const y = await alone.data<"float32">();
      tf.dispose([q, k, v, ...decays, alone]);
      mask?.dispose();
      for (const result of [got, { ...got, y }]) {
        wrong.push(
          ...differences(problem, result, wanted, TOLERANCE[backend])
            .map((line) => `${describe(c)} kernel ${kernel}: ${line}`),
        );
      }
    }
    assertEquals(wrong, []);
  },
);

onEachBackend(
  "recurrentStep() takes decays of each channel",
  async (backend) => {
    const wrong: string[] = [];
    // The decay of one token alone is not paid at all, and has no gradient.
    const steps = [...cases(KINDS.slice(0, 2), false)].filter(({ length }) =>
      length > 1
    );
    const runs = withAndWithoutKernel(steps);
    for (
      const { c, kernel } of sampleForms(
        backend,
        runs,
        ({ kernel }) => !kernel,
      )
    ) {
      const { problem, solution: wanted } = solve(c);
      const { batch, heads, headDim, valueDim, kind } = problem;
      const { scale, normalize, epsilon } = problem;
      const held = tf.memory().numTensors;
      const got = await solveBy(problem, ({ q, k, v, decays }, { mask }) => {
        let state = recurrentState({ batch, heads, headDim, valueDim });
        let start = 0;
        const answers = c.pieces.map((length) => {
          const cut = (x: tf.Tensor4D) =>
            tf.slice(x, [0, 0, start], [-1, -1, length]) as tf.Tensor4D;
          const step = recurrentStep(state, {
            q: cut(q),
            k: cut(k),
            v: cut(v),
            logDecay: cut(decays[0]!),
            ...mask && { mask: tf.slice(mask, [0, start], [-1, length]) },
          }, {
            convention: kind as "source" | "arrival",
            ...{ scale, normalize, epsilon, kernel },
          });
          state = step.state;
          start += length;
          return step.y;
        });
        return tf.concat(answers, 2);
      });
      assertEquals(tf.memory().numTensors, held);
      wrong.push(
        ...differences(problem, got, wanted, TOLERANCE[backend])
          .map((line) => `${describe(c)} kernel ${kernel}: ${line}`),
      );
    }
    assertEquals(wrong, []);
  },
);

onEachBackend(
  "recurrentStep() with decays of each channel is one kernel",
  async () => {
    const state = recurrentState({
      batch: 1,
      heads: 2,
      headDim: 3,
      valueDim: 2,
    });
    for (const length of [1, 5]) {
      const q: tf.Tensor4D = tf.ones([1, 2, length, 3]);
      const v: tf.Tensor4D = tf.ones([1, 2, length, 2]);
      const logDecay: tf.Tensor4D = tf.fill([1, 2, length, 3], -0.5);
      const { kernels } = await tf.profile(() => {
        const step = recurrentStep(state, { q, k: q, v, logDecay });
        tf.dispose([step.y, step.state]);
      });
      const computing = ["LionChunkwise", "BatchMatMul", "Exp", "Sum"];
      assertEquals(
        kernels.map(({ name }) => name).filter((name) =>
          computing.includes(name)
        ),
        ["LionChunkwise"],
      );
      tf.dispose([q, v, logDecay]);
    }
    tf.dispose(state);
  },
  ["webgpu", "wasm"],
);

onEachBackend(
  "recurrentStep() pays what is due to a token of the other kind of decay",
  () => {
    const sizes = { batch: 1, heads: 1, headDim: 2, valueDim: 1 };
    const x: tf.Tensor4D = tf.ones([1, 1, 1, 2]);
    const v: tf.Tensor4D = tf.ones([1, 1, 1, 1]);
    const [half, quarter] = [Math.log(0.5), Math.log(0.25)];
    const perToken = tf.tensor3d([half], [1, 1, 1]);
    const perChannel = tf.tensor4d([half, quarter], [1, 1, 1, 2]);
    const options = { scale: 1, normalize: false };
    const answers = tf.tidy(() =>
      [[perToken, perChannel], [perChannel, perToken]].map((decays) => {
        let state = recurrentState(sizes);
        return decays.map((logDecay) => {
          const input = { q: x, k: x, v, logDecay: logDecay! };
          const step = recurrentStep(state, input, options);
          state = step.state;
          return step.y.arraySync()[0]![0]![0]![0]!;
        });
      })
    );
    assertEquals(answers, [[2, 2 + 2 * 0.5], [2, 2 + 0.5 + 0.25]]);
    tf.dispose([x, v, perToken, perChannel]);
  },
  ["cpu"],
);

onEachBackend(
  "recurrentStep() names a decay of each channel that does not fit",
  () => {
    const sizes = { batch: 2, heads: 3, headDim: 4, valueDim: 5 };
    const fails = (
      part: string,
      { logDecay = [2, 3, 1, 4], due = [2, 3] }: {
        logDecay?: [number, number, number, number];
        due?: number[];
      },
    ) =>
      assertThrows(
        () =>
          tf.tidy(() => {
            const x: tf.Tensor4D = tf.ones([2, 3, 1, 4]);
            recurrentStep({
              ...recurrentState(sizes),
              due: tf.zeros<tf.Rank>(due) as tf.Tensor3D,
            }, {
              q: x,
              k: x,
              v: tf.ones([2, 3, 1, 5]),
              logDecay: tf.zeros<tf.Rank.R4>(logDecay),
            });
          }),
        TypeError,
        part,
      );
    fails(
      "logDecay should have shape [batch, heads, length, headDim] = [2, 3, 1, 4], got [2, 3, 1, 5]",
      { logDecay: [2, 3, 1, 5] },
    );
    fails("state.due should have shape [batch, heads, headDim] = [2, 3, 4]", {
      due: [2, 3, 5],
    });
    fails("state.due should have shape [batch, heads] = [2, 3]", { due: [2] });
  },
  ["cpu"],
);

onEachBackend(
  "streamBidirectional() takes decays of each channel",
  async (backend) => {
    const wrong: string[] = [];
    // Pieces are of one length here.
    const streams = [...cases()].filter(({ pieces, length }) =>
      pieces.length === 1 || length > 13
    );
    for (const c of sample(backend, streams)) {
      const { problem, solution: { y: wanted } } = solve(c);
      const { q, k, v, decays, mask } = tensorsOf(problem);
      const whole = { q, k, v, mask, decay: decayOf(c.kind, decays) };
      const { scale, epsilon, normalize, causal } = problem;
      for (const segmentLength of c.length > 13 ? [66] : [1, 4, 100]) {
        const held = tf.memory().numTensors;
        const y = await collect(sourceOf(whole, segmentLength), {
          ...{ scale, epsilon, normalize, causal },
        });
        assertEquals(tf.memory().numTensors, held);
        const result = { y, gradients: {} };
        wrong.push(
          ...differences(
            problem,
            result,
            { y: wanted, gradients: {} },
            TOLERANCE[backend],
          ).map((line) =>
            `${describe(c)} segments of ${segmentLength}: ${line}`
          ),
        );
      }
      tf.dispose([q, k, v, ...decays]);
      mask?.dispose();
    }
    assertEquals(wrong, []);
  },
);

onEachBackend(
  "a source keeps to its kind of decay",
  async () => {
    const x: tf.Tensor4D = tf.ones([1, 1, 4, 2]);
    const source = {
      length: 4,
      segmentLength: 2,
      read: (start: number) => {
        const part = () => tf.slice(x, [0, 0, start], [1, 1, 2]) as tf.Tensor4D;
        return {
          q: part(),
          k: part(),
          v: part(),
          decay: start === 0
            ? selectiveDecay(tf.zeros([1, 1, 2]))
            : diagonalDecay(tf.zeros([1, 1, 2, 2])),
        };
      },
    };
    const error = await collect(source, {}).catch((error: unknown) => error);
    assertEquals(
      String(error),
      'TypeError: read(0, 2): decay should be diagonal with the convention "source", as in the segments before, got selective with the convention "source"',
    );
    x.dispose();
  },
  ["cpu"],
);
