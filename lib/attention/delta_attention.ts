/**
 * The delta rule, in one direction or both.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  assertOneOf,
  assertOptions,
  assertPositiveInteger,
  optionsOf,
} from "@lionjs/base";
import { floats } from "@lionjs/tfjs/kernel";
import { tokensIn, withoutPadding } from "../operations/padding/padding.ts";
import { assertDecay, type Decay, noDecay } from "./decays/decay.ts";
import { resolveDecays } from "./decays/resolve_decays.ts";
import {
  assertTransition,
  checkedState,
  type CheckedTransition,
  type GivenTransition,
} from "./forms/checks.ts";
import type { TransitionForm } from "./forms/transition_forms.ts";
import {
  readTransitionVectors,
  transitionGates,
} from "./forms/transition_inputs.ts";
import { checkedSegments, endsOf } from "../operations/segments.ts";
import { transitions } from "./planning/transitions.ts";

/** Options of {@linkcode deltaAttention}. */
export interface DeltaAttentionOptions {
  /**
   * How the state fades from token to token. It decays on arrival, so a selective
   * or diagonal decay needs `convention: "arrival"`. @default noDecay()
   */
  decay?: Decay | undefined;
  /**
   * The form to compute: `"recurrent"` goes token by token, `"chunkwise"`
   * solves for all tokens of a chunk at once, `"auto"` is chunkwise.
   * @default "auto"
   */
  form?: "auto" | "recurrent" | "chunkwise" | undefined;
  /**
   * Whether a fused kernel may run; the chunkwise form has one on some
   * backends. `false` runs tfjs operations, which agree to float32 accuracy.
   * @default true
   */
  kernel?: boolean | undefined;
  /** Tokens per chunk. @default the kernel's choice; 64 in tfjs operations */
  chunkSize?: number | undefined;
  /**
   * The factor of q · k in the output, but not in the correction.
   * @default 1 / sqrt(headDim)
   */
  scale?: number | undefined;
  /**
   * Whether each token attends only to itself and the tokens before it. NaN or
   * Infinity in a later token may make earlier outputs NaN, as for
   * lionAttention.
   * @default false
   */
  causal?: boolean | undefined;
  /**
   * The padding mask, `[batch, length]`, float32, int32 or bool: 0 for padding,
   * 1 (or anything else, even NaN) for a token. Padding is skipped, whatever q,
   * k, v, beta and the decay hold there, even NaN or Infinity: it writes
   * nothing, and the state does not decay there. Its output and all its
   * gradients are 0.
   */
  mask?: tf.Tensor | undefined;
  /**
   * Segments, `[batch, length]`, int32: the number of the packed sequence that
   * each token belongs to, as for lionAttention. Nothing passes between
   * neighbours with different numbers, except that NaN or Infinity in one
   * sequence may make results of others NaN. @default each row is one sequence
   */
  segments?: tf.Tensor | undefined;
  /**
   * Steps of a token: keys, values and what goes with them have a row for each, and the
   * query reads after the last. The state decays before the first. From the right, tokens
   * are visited in reverse, but the steps of a token are not. @default 1
   */
  steps?: number | undefined;
  /**
   * The state before the first token, `[batch, heads, headDim, valueDim]`, only if
   * causal; of packed rows that of their first sequence. Differentiable. @default zeros
   */
  initialState?: tf.Tensor | undefined;
}

/** The names of the options of {@linkcode DeltaAttentionOptions}. */
export const DELTA_OPTIONS = optionsOf<DeltaAttentionOptions>()(
  "decay form kernel chunkSize scale causal mask segments steps initialState",
);

const FORMS: Readonly<Record<"auto" | TransitionForm, TransitionForm>> = {
  auto: "chunkwise",
  recurrent: "recurrent",
  chunkwise: "chunkwise",
};

/**
 * Computes attention by the delta rule: each token replaces what its key finds
 * in the state by its own value, to the extent β.
 *
 *     S_i = (I - β_i k_i k_iᵀ) diag(e^{g_i}) S_{i-1} + β_i k_i v_iᵀ
 *     y_i = s S_iᵀ q_i
 *
 * Without `causal`, the same rule runs from both ends, and a token's own
 * contribution, `s β_i (q_i · k_i) v_i`, counts once. Differentiable in q, k,
 * v, beta, the initial state and the decay's tensors. Integers and booleans are converted to
 * float32. NaN and Infinity spread as in lionAttention.
 *
 * The states stay bounded if keys have unit length and `0 <= β <= 2`.
 *
 * Source: DeltaNet (Schlag et al. 2021, arXiv:2102.11174); with one decay per
 * token, Gated DeltaNet (arXiv:2412.06464); with diagonal decays, Kimi Delta
 * Attention (arXiv:2510.26692); with several steps a token, DeltaProduct
 * (arXiv:2502.10297). Both directions: LION (arXiv:2502.16249), appendix B.7.
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
 * @param q Queries, `[batch, heads, length, headDim]`.
 * @param k Keys, `[batch, heads, length · steps, headDim]`, each of unit length.
 * @param v Values, `[batch, heads, length · steps, valueDim]`.
 * @param beta β, `[batch, heads, length · steps]`, from 0 (writes nothing) to 1
 * (replaces) or 2 (overshoots).
 * @param options See {@linkcode DeltaAttentionOptions}.
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If a tensor has the wrong shape or dtype, or an option is
 * unknown or of the wrong type.
 * @throws {RangeError} If a tensor is empty, an option has an invalid value, or there is an
 * initial state without `causal`.
 */
export function deltaAttention(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  beta: tf.Tensor,
  options: DeltaAttentionOptions = {},
): tf.Tensor4D {
  return attendByTransitions("deltaAttention", { q, k, v, beta }, options);
}

/** Attention by transitions of the state, in one direction or both; all arguments are checked. */
export function attendByTransitions(
  owner: string,
  vectors: GivenTransition,
  options: DeltaAttentionOptions,
): tf.Tensor4D {
  const { given, segments, form, scale, causal, kernel, initialState } =
    checkTransition(owner, vectors, options);
  const { decay = noDecay(), chunkSize, mask } = options;
  return tf.tidy(() => {
    const tokens = mask && tokensIn("mask", mask);
    const vectors = readTransitionVectors(given, tokens);
    const before = initialState && floats("initialState", initialState);
    const decays = resolveDecays(decay, { shape: given.q.shape, causal });
    // What was before the first token belongs to the first segment.
    const ends = segments && endsOf(
      segments,
      before && {
        first: tf.zeros([segments.shape[0], 1], "bool"),
        last: tf.ones([segments.shape[0], 1], "bool"),
      },
    );
    const gates = transitionGates(decays, vectors, { causal, tokens, ends });
    const isUndecayed = decays === null && segments === undefined;
    const y = transitions(vectors, gates, {
      ...{ isUndecayed, ends, before, scale, form, chunkSize },
      // The recurrent form has no kernel.
      kernel: kernel && form !== "recurrent",
    });
    return withoutPadding(y, tokens);
  });
}

/** The checked arguments of a call, as {@linkcode checkTransition} returns them. */
interface Checked {
  readonly given: CheckedTransition;
  readonly segments: tf.Tensor2D | undefined;
  readonly form: TransitionForm;
  readonly scale: number;
  readonly causal: boolean;
  readonly kernel: boolean;
  readonly initialState: tf.Tensor4D | undefined;
}

/** Checks all arguments, and fills in defaults. */
export function checkTransition(
  owner: string,
  vectors: GivenTransition,
  options: DeltaAttentionOptions,
): Checked {
  assertOptions(owner, options, DELTA_OPTIONS);
  const { decay, form = "auto", chunkSize = 1 } = options;
  const { settings, kernel, vectors: given } = assertTransition(
    vectors,
    options,
  );
  if (decay !== undefined) assertDecay("decay", decay);
  const [batch, , length] = given.q.shape;
  const segments = checkedSegments(options.segments, [batch, length]);
  assertPositiveInteger("chunkSize", chunkSize);
  assertOneOf("form", form, Object.keys(FORMS) as (typeof form)[]);
  const chooses = decay?.kind === "selective" || decay?.kind === "diagonal";
  if (chooses && decay.convention === "source") {
    throw new RangeError(
      `decay should apply on arrival, got ${decay.kind}Decay's convention "source": pass it { convention: "arrival" }`,
    );
  }
  const { scale, causal } = settings;
  const initialState = checkedState(
    "initialState",
    options.initialState,
    given,
  );
  if (initialState && !causal) {
    throw new RangeError(
      "initialState should come with causal: true, since it stands for earlier tokens, got causal: false; leave it out, or pass causal: true",
    );
  }
  return {
    ...{ given, segments, scale, causal, kernel, initialState },
    form: FORMS[form],
  };
}
