/**
 * The delta rule, in one direction or both.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { TokenRanks } from "../contract/communicator.ts";
import { assertNumbers, floats } from "../contract/floats.ts";
import { runKernel } from "../contract/kernel.ts";
import { assertOptions, type OptionNames } from "../contract/options.ts";
import { assertShape } from "../contract/shape.ts";
import { assertPositiveInteger } from "../contract/values.ts";
import { tokensIn, withoutPadding } from "../operations/padding.ts";
import { assertTokenRanks } from "../operations/token_ranks.ts";
import { fromBothEnds } from "./forms/bidirectional.ts";
import { assertDecay, type Decay, noDecay } from "./decays/decay.ts";
import {
  causalPair,
  type LogDecayPair,
  logDecayPair,
  spread,
} from "./decays/decay_pair.ts";
import {
  deltaChunkwise,
  type DeltaForm,
  type DeltaInputs,
  deltaRecurrent,
} from "./forms/delta_forms.ts";
import { assertSameAttention } from "./ranks/across_ranks.ts";
import { deltaAcrossRanks } from "./ranks/delta_across_ranks.ts";
import { DELTA_ATTENTION, planDelta } from "./planning/delta_kernel.ts";
import { diagonalDecayPair } from "./decays/diagonal_decay.ts";
import type { DiagonalDecayPair } from "./decays/decay_pair.ts";
import { assertAttention } from "./lion_attention.ts";
import { assertSegments, withBorders } from "./forms/segments.ts";

/** Options of {@linkcode deltaAttention}. */
export interface DeltaAttentionOptions {
  /**
   * How the state fades from token to token. It pays on arrival, so a selective
   * or diagonal decay needs `convention: "arrival"`. @default noDecay()
   */
  decay?: Decay;
  /**
   * The form to compute it in: `"recurrent"` goes token by token, `"chunkwise"`
   * solves for all tokens of a chunk at once, `"auto"` is chunkwise.
   * @default "auto"
   */
  form?: "auto" | "recurrent" | "chunkwise";
  /**
   * Whether a fused kernel may run; the chunkwise form has one on some
   * backends. `false` runs tfjs operations, which agree to float32 accuracy.
   * @default true
   */
  kernel?: boolean;
  /** Tokens per chunk. @default the kernel's choice; 64 in tfjs operations */
  chunkSize?: number;
  /**
   * Multiplies q · k in the output, not in the correction.
   * @default 1 / sqrt(headDim)
   */
  scale?: number;
  /**
   * Whether each token attends only to itself and the tokens before it. NaN or
   * Infinity in a later one may make outputs before it NaN, as for lionAttention.
   * @default false
   */
  causal?: boolean;
  /**
   * `[batch, length]`, 1 for a token, 0 for padding; float32, int32 or bool.
   * Whatever is not 0 is a token, NaN too. Padding is skipped, whatever q, k, v,
   * beta and the decay hold there, even NaN or Infinity: it writes nothing, and
   * the state does not decay there. Its output and all its gradients are 0.
   */
  mask?: tf.Tensor2D;
  /**
   * `[batch, length]`, int32: which of the sequences packed into a row each
   * token belongs to, as for lionAttention: nothing passes between neighbours
   * with different numbers, except that NaN or Infinity in one sequence may make
   * results of others NaN. @default each row is one sequence
   */
  segments?: tf.Tensor2D;
  /**
   * Ranks each of which has a part of the tokens, as for lionAttention. Beside a
   * state they pass on what becomes of one, `headDim · (headDim + valueDim)`
   * numbers per head and direction. @default this process has all tokens
   */
  communicator?: TokenRanks;
}

const OPTIONS: OptionNames<DeltaAttentionOptions> = {
  decay: true,
  form: true,
  kernel: true,
  chunkSize: true,
  scale: true,
  causal: true,
  mask: true,
  segments: true,
  communicator: true,
};

const FORMS: Record<"auto" | "recurrent" | "chunkwise", DeltaForm> = {
  auto: deltaChunkwise,
  recurrent: deltaRecurrent,
  chunkwise: deltaChunkwise,
};

/**
 * Attention by the delta rule: each token replaces what its key finds in the
 * state, to the extent β, by its own value.
 *
 *     S_i = (I - β_i k_i k_iᵀ) diag(e^{g_i}) S_{i-1} + β_i k_i v_iᵀ
 *     y_i = s S_iᵀ q_i
 *
 * Without `causal`, the same rule runs from both ends, and a token's own
 * contribution, `s β_i (q_i · k_i) v_i`, counts once. Differentiable in q, k,
 * v, beta and the decay's tensors. Integers and booleans are converted to
 * float32. NaN and Infinity do what they do in lionAttention.
 *
 * The states stay bounded if keys have unit length and `0 <= β <= 2`.
 *
 * Source: DeltaNet (Schlag et al. 2021, arXiv:2102.11174); with one decay per
 * token, Gated DeltaNet (arXiv:2412.06464); with one per channel, Kimi Delta
 * Attention (arXiv:2510.26692). Both directions: LION (arXiv:2502.16249),
 * appendix B.7.
 *
 * @example A key that comes again replaces its value
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { deltaAttention } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const k: tf.Tensor4D = tf.tensor4d([1, 0, 1, 0], [1, 1, 2, 2]);
 * const v: tf.Tensor4D = tf.tensor4d([3, 5], [1, 1, 2, 1]);
 * const beta: tf.Tensor3D = tf.ones([1, 1, 2]);
 * const y = deltaAttention(k, k, v, beta, { causal: true, scale: 1 });
 * const [, second] = await y.data(); // linear attention would read 3 + 5
 * assertAlmostEquals(second!, 5, 1e-6);
 * ```
 *
 * @param q `[batch, heads, length, headDim]`
 * @param k `[batch, heads, length, headDim]`, each of unit length.
 * @param v `[batch, heads, length, valueDim]`
 * @param beta `[batch, heads, length]`, from 0 (writes nothing) to 1 (replaces) or 2 (overshoots).
 * @param options See {@linkcode DeltaAttentionOptions}.
 * @returns `[batch, heads, length, valueDim]`
 * @throws {TypeError} If a tensor has the wrong shape or dtype, or an option is
 * unknown or of the wrong type.
 * @throws {RangeError} If a tensor is empty, an option has an invalid value, or
 * ranks differ in shapes or options; then all of them throw it.
 */
export function deltaAttention(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  beta: tf.Tensor3D,
  options: DeltaAttentionOptions = {},
): tf.Tensor4D {
  check(q, k, v, beta, options);
  const { decay = noDecay(), form = "auto", chunkSize, mask } = options;
  const [batch, heads, length, headDim] = q.shape;
  const { scale = 1 / Math.sqrt(headDim), causal = false, segments } = options;
  const { communicator: ranks } = options;
  if (ranks) {
    const shared = { decay, mask, segments, causal, scale };
    assertSameAttention("deltaAttention", { q, k, v }, shared, ranks);
  }
  return tf.tidy(() => {
    const tokens = mask && tokensIn("mask", mask);
    const present = (x: tf.Tensor4D) => tokens ? withoutPadding(x, tokens) : x;
    const read = (name: string, x: tf.Tensor4D) => present(floats(name, x));
    const vectors = {
      q: read("q", q),
      k: read("k", k),
      v: read("v", v),
      beta: read("beta", tf.expandDims(floats("beta", beta), 3)),
    };
    const diagonal = diagonalDecayPair(decay, q.shape, causal);
    let pair = diagonal;
    if (!diagonal) {
      const whole = logDecayPair(decay, [batch, heads, length]);
      const scalar = causal ? causalPair(whole, [heads, length]) : whole;
      pair = scalar && columns(scalar);
    }
    const isFused = form !== "recurrent" && options.kernel !== false;
    const plan = isFused && planDelta({
      ...{ batch, heads, length, headDim, valueDim: v.shape[3] },
      ...{ diagonal: diagonal !== null, causal, chunkSize },
    });
    const gates = gatesOf(pair, {
      shape: [batch, heads, length, diagonal ? headDim : 1],
      causal,
      tokens,
      segments,
      ranks,
    });
    if (ranks) {
      const isRecurrent = form === "recurrent";
      const attend = { scale, isRecurrent, chunkSize, kernel: options.kernel };
      return present(deltaAcrossRanks(vectors, gates, attend, ranks));
    }
    if (plan && !("refusal" in plan)) {
      const fades = pair !== null || segments !== undefined;
      const f = fades ? gates.forward : undefined;
      const b = fades && gates.backward || undefined;
      const attributes = { causal, scale, chunkSize: plan.chunkSize };
      const { y } = runKernel(
        DELTA_ATTENTION,
        { ...vectors, f, b },
        attributes,
      );
      return present(y as tf.Tensor4D);
    }
    const scaled = { ...vectors, q: tf.mul(vectors.q, scale) as tf.Tensor4D };
    const fromLeft = { ...scaled, gate: gates.forward };
    const run = (inputs: Vectors) =>
      sweep(inputs, FORMS[form], chunkSize ?? 64);
    if (gates.backward === null) return present(run(fromLeft));

    const fromRight = { ...scaled, gate: gates.backward };
    const both = fromBothEnds(fromLeft, fromRight, run);
    const own = tf.mul(
      tf.mul(scaled.beta, tf.sum(tf.mul(scaled.q, scaled.k), 3, true)),
      scaled.v,
    );
    return present(tf.sub(both, own));
  });
}

/** The inputs of a sweep, each `[batch, heads, length, columns]`. */
type Vectors = { readonly [name in keyof DeltaInputs]: tf.Tensor4D };

/** Runs a form on all heads of all sequences. */
function sweep(
  { q, k, v, beta, gate }: Vectors,
  run: DeltaForm,
  chunkSize: number,
): tf.Tensor4D {
  const flat = (x: tf.Tensor4D): tf.Tensor3D => {
    const [batch, heads, length, columns] = x.shape;
    return tf.reshape(x, [batch * heads, length, columns]);
  };
  const inputs = {
    q: flat(q),
    k: flat(k),
    v: flat(v),
    beta: flat(beta),
    gate: flat(gate),
  };
  return tf.reshape(run(inputs, chunkSize), v.shape);
}

/**
 * Turns one log decay per token into one per channel, with a single channel.
 */
function columns({ forward, backward }: LogDecayPair): DiagonalDecayPair {
  return {
    forward: tf.expandDims(forward, 3),
    backward: backward && tf.expandDims(backward, 3),
  };
}

/**
 * The log decays that both directions pay: 0 at padding, all of the state on
 * entering a segment.
 */
function gatesOf(
  pair: DiagonalDecayPair | null,
  { shape, causal, tokens, segments, ranks }: {
    shape: [batch: number, heads: number, length: number, columns: number];
    causal: boolean;
    tokens: tf.Tensor2D | undefined;
    segments: tf.Tensor2D | undefined;
    ranks: TokenRanks | undefined;
  },
): DiagonalDecayPair {
  const paid = (logDecay: tf.Tensor4D | null | undefined): tf.Tensor4D => {
    if (!logDecay) return tf.zeros(shape);
    const everywhere = spread(logDecay, shape) as tf.Tensor4D;
    return tokens ? withoutPadding(everywhere, tokens) : everywhere;
  };
  const gates = {
    forward: paid(pair?.forward),
    backward: causal ? null : paid(pair?.backward),
  };
  return segments
    ? withBorders<tf.Tensor4D>(gates, segments, {
      heads: shape[1],
      causal,
      ranks,
    })
    : gates;
}

function check(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  beta: tf.Tensor3D,
  options: DeltaAttentionOptions,
): void {
  assertOptions("deltaAttention", options, OPTIONS);
  const { decay, form = "auto", chunkSize = 1, segments, communicator } =
    options;
  assertDelta(q, k, v, beta, options);
  if (decay !== undefined) assertDecay("decay", decay);
  if (communicator !== undefined) assertTokenRanks(communicator);
  const [batch, , length] = q.shape;
  if (segments !== undefined) assertSegments(segments, [batch, length]);
  assertPositiveInteger("chunkSize", chunkSize);
  if (!Object.hasOwn(FORMS, form)) {
    throw new RangeError(
      `form should be ${
        Object.keys(FORMS).map((name) => `"${name}"`).join(", ")
      }, got ${JSON.stringify(form)}`,
    );
  }
  const chooses = decay?.kind === "selective" || decay?.kind === "diagonal";
  if (chooses && decay.convention === "source") {
    throw new RangeError(
      `decay should be paid on arrival, got ${decay.kind}Decay's convention "source": give it { convention: "arrival" }`,
    );
  }
}

/**
 * Checks the tensors and the options of the delta rule, as
 * {@linkcode assertAttention} does for attention.
 *
 * @returns The options with their defaults.
 * @throws {TypeError} If a tensor has the wrong shape or dtype, or an option is
 * of the wrong type.
 * @throws {RangeError} If a tensor is empty, or an option has an invalid value.
 */
export function assertDelta(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  beta: tf.Tensor3D,
  options: Parameters<typeof assertAttention>[3],
): ReturnType<typeof assertAttention> {
  const checked = assertAttention(q, k, v, options);
  const [batch, heads, length] = q.shape;
  assertShape("beta", beta, [batch, heads, length], "batch, heads, length");
  assertNumbers("beta", beta);
  return checked;
}
