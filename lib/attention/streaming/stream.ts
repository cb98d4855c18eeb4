/**
 * Bidirectional attention on a sequence that does not fit the device.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  assertBoolean,
  assertEpsilon,
  assertFinite,
  assertOptions,
  assertSignal,
  optionsOf,
  unlessAborted,
} from "@lionjs/base";
import { floats } from "@lionjs/tfjs/kernel";
import { tokensIn } from "../../operations/padding/padding.ts";
import type { Decay } from "../decays/decay.ts";
import { finite } from "../../operations/finite_decay/finite_decay.ts";
import { resolveDecays } from "../decays/resolve_decays.ts";
import {
  attendWithState,
  decayState,
  passState,
  type WithStateOptions,
} from "../planning/with_state.ts";
import {
  type CheckedSegment,
  SegmentReader,
  type StreamSource,
} from "./segment_reader.ts";

/** The progress of {@linkcode streamBidirectional}. */
export interface StreamProgress {
  /** `"states"` while it reads from the right, then `"outputs"` from the left. */
  readonly pass: "states" | "outputs";
  /** Tokens processed so far, both passes together. */
  readonly done: number;
  /**
   * Tokens to process, both passes together; the first pass skips the first
   * segment.
   */
  readonly total: number;
}

/**
 * Options of {@linkcode streamBidirectional}: some of lionAttention's, and how
 * to follow and abort the work.
 */
export interface StreamBidirectionalOptions {
  /** The factor of the scores q · k. @default 1 / sqrt(headDim) */
  scale?: number | undefined;
  /** Whether to divide by the row sum of the masked scores. @default true */
  normalize?: boolean | undefined;
  /** The number added to the row sum, after `scale`; 0 or more. @default 1e-6 */
  epsilon?: number | undefined;
  /**
   * Whether each token attends only to itself and the tokens before it: then
   * the source is read once. @default false
   */
  causal?: boolean | undefined;
  /**
   * Aborts between two segments, or while `read` or `write` is awaited; the
   * signal's reason is then thrown. A segment that `read` returns later is
   * disposed of.
   */
  signal?: AbortSignal | undefined;
  /** Called after each segment of each pass. */
  onProgress?: ((progress: StreamProgress) => void) | undefined;
}

const OPTIONS = optionsOf<StreamBidirectionalOptions>()(
  "scale normalize epsilon causal signal onProgress",
);

/**
 * Computes bidirectional attention on a sequence of any length. The device
 * holds one segment and two states at a time; the host keeps one state per
 * segment, of `batch · heads · headDim · (valueDim + 1)` numbers.
 *
 * The source is read twice: from the right for the backward state at each
 * border between segments, which needs no q, and from the left, with the
 * forward state, for the outputs. These equal those of `lionAttention` for the
 * whole sequence. The function is not differentiable.
 *
 * Source: ours; the states between chunks of the chunkwise form, with segments
 * for chunks.
 *
 * @example Segments of 4 tokens, and the whole sequence in one call
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { fixedDecay, lionAttention, streamBidirectional } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const x: tf.Tensor4D = tf.randomUniform([1, 1, 10, 1]);
 * const decay = fixedDecay(tf.tensor1d([-0.1]));
 * const cut = (start: number, end: number): tf.Tensor4D =>
 *   tf.slice(x, [0, 0, start, 0], [1, 1, end - start, 1]);
 *
 * const y: number[] = [];
 * await streamBidirectional(
 *   {
 *     length: 10,
 *     segmentLength: 4,
 *     read: (start, end) => {
 *       const segment = cut(start, end);
 *       return { q: segment, k: segment, v: segment, decay };
 *     },
 *   },
 *   async (_start, segment) => void y.push(...await segment.data()),
 * );
 *
 * const whole = await lionAttention(x, x, x, { decay }).data();
 * whole.forEach((value, i) => assertAlmostEquals(y[i]!, value, 1e-5));
 * ```
 *
 * @param source Where the sequence comes from; see {@linkcode StreamSource}.
 * @param write Called with the position of each segment's first token and the
 * segment's outputs, `[batch, heads, length, valueDim]`, in order. The tensor
 * is disposed of once `write` has finished, or the signal has aborted.
 * @param options See {@linkcode StreamBidirectionalOptions}.
 * @returns A promise that resolves when the last segment has been written.
 * @throws {TypeError} If a segment's tensor has the wrong shape or dtype, its
 * decay is of a different kind from those before, or an argument or option is
 * unknown or of the wrong type.
 * @throws {RangeError} If a length or option has an invalid value.
 * @throws {unknown} The signal's reason, or whatever `read`, `write` or
 * `onProgress` throws. No tensor is leaked in any case.
 */
export async function streamBidirectional(
  source: StreamSource,
  write: (start: number, y: tf.Tensor4D) => void | Promise<void>,
  options: StreamBidirectionalOptions = {},
): Promise<void> {
  assertOptions("streamBidirectional", options, OPTIONS);
  const { normalize = true, causal = false } = options;
  const { scale, epsilon = 1e-6, signal, onProgress } = options;
  if (typeof write !== "function") {
    throw new TypeError(
      `write should be a function of the first token's position and y, got ${typeof write}`,
    );
  }
  assertSignal("streamBidirectional's", signal);
  if (onProgress !== undefined && typeof onProgress !== "function") {
    throw new TypeError(
      `onProgress should be a function, got ${typeof onProgress}`,
    );
  }
  for (const [name, value] of Object.entries({ normalize, causal })) {
    assertBoolean(name, value);
  }
  if (scale !== undefined) assertFinite("scale", scale);
  assertEpsilon("epsilon", epsilon);
  const reader = new SegmentReader(source, signal);
  const { length } = source;
  const total = causal ? length : 2 * length - reader.range(0).end;
  let done = 0;
  const report = (pass: StreamProgress["pass"], { start, end }: Range) => {
    done += end - start;
    onProgress?.({ pass, done, total });
  };

  const borders = causal ? [] : await backwardStates(
    reader,
    signal,
    (range) => report("states", range),
  );
  let before: tf.Tensor4D | undefined;
  try {
    for (let index = 0; index < reader.count; index++) {
      const { y, forward } = await reader.read(
        index,
        (segment) =>
          attend(segment, before, borders[index], {
            causal,
            normalize,
            epsilon,
            scale: scale ?? 1 / Math.sqrt(segment.q.shape[3]),
          }),
      );
      before?.dispose();
      before = forward;
      const range = reader.range(index);
      try {
        await unlessAborted(signal, write(range.start, y));
      } finally {
        y.dispose();
      }
      report("outputs", range);
    }
  } finally {
    before?.dispose();
  }
}

/** The range of tokens `start`, …, `end - 1`. */
type Range = { readonly start: number; readonly end: number };

/** A state downloaded to the host. */
interface HostState {
  readonly values: Float32Array;
  readonly shape: tf.Tensor4D["shape"];
}

/**
 * The backward state that reaches each segment from those after it; none for
 * the last one.
 */
async function backwardStates(
  reader: SegmentReader,
  signal: AbortSignal | undefined,
  report: (range: Range) => void,
): Promise<HostState[]> {
  const states: HostState[] = [];
  let after: tf.Tensor4D | undefined;
  let coming = Promise.resolve();
  try {
    for (let index = reader.count - 1; index > 0; index--) {
      const last = after;
      // The previous state is downloaded while the next segment is read.
      after = await reader.read(index, (segment) => pass(segment, last));
      await coming.finally(() => last?.dispose());
      signal?.throwIfAborted();
      coming = toHost(after).then((state) => {
        states[index - 1] = state;
        report(reader.range(index));
      });
      // A failure of `coming` is thrown where it is awaited, unless reading failed first.
      coming.catch(() => {});
    }
    await coming;
  } finally {
    await coming.catch(() => {});
    after?.dispose();
  }
  return states;
}

async function toHost(state: tf.Tensor4D): Promise<HostState> {
  return { values: await state.data<"float32">(), shape: state.shape };
}

/** The backward state that reaches the segment to the left. */
function pass(
  segment: CheckedSegment,
  after: tf.Tensor4D | undefined,
): tf.Tensor4D {
  return tf.tidy(() => {
    const { k, v, tokens, pair, decay } = computed(segment);
    const state = passState(k, v, pair, "after", after, tokens);
    return decayOnLeaving(state, decay, 0);
  });
}

/**
 * The outputs of a segment, and the forward state that reaches the one to the
 * right.
 */
function attend(
  segment: CheckedSegment,
  before: tf.Tensor4D | undefined,
  after: HostState | undefined,
  options: Omit<WithStateOptions, "before" | "after" | "tokens">,
): { y: tf.Tensor4D; forward: tf.Tensor4D } {
  return tf.tidy(() => {
    const { q, k, v, tokens, pair, decay } = computed(segment);
    const { y, forward } = attendWithState(q, k, v, pair, {
      ...options,
      before,
      after: after && tf.tensor4d(after.values, after.shape),
      tokens,
    });
    return { y, forward: decayOnLeaving(forward, decay, q.shape[2] - 1) };
  });
}

/** The tensors of a segment, converted as attention takes them. */
function computed({ q, k, v, mask, decay }: CheckedSegment) {
  return {
    q: floats("q", q),
    k: floats("k", k),
    v: floats("v", v),
    tokens: mask && tokensIn("mask", mask),
    pair: resolveDecays(decay, { shape: q.shape, causal: false }),
    decay,
  };
}

/**
 * The state after leaving a segment by its first or last token.
 *
 * In the source convention, the state decays by the token's own decay on leaving it,
 * not by the neighbour's on arriving there, so that no segment needs another's
 * decays; in the segment's own pair, the decays at its borders are 0.
 */
function decayOnLeaving(
  state: tf.Tensor4D,
  decay: Decay,
  token: number,
): tf.Tensor4D {
  if (!("convention" in decay) || decay.convention !== "source") return state;
  const logDecay: tf.Tensor = floats("logDecay", decay.logDecay);
  return decayState(state, finite(tf.gather(logDecay, [token], 2)));
}
