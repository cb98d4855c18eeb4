/** Reads a sequence segment by segment, and checks each segment. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  assertOptions,
  assertPositiveInteger,
  optionsOf,
  unlessAborted,
} from "@lionjs/base";
import { assertDecay, type Decay, noDecay } from "../decays/decay.ts";
import { assertAttention, type Vectors } from "../forms/checks.ts";
import { assertShape } from "@lionjs/tfjs/kernel";

/** Consecutive tokens of a sequence. */
export interface StreamSegment {
  /** Queries, `[batch, heads, length, headDim]`, with the feature map applied. */
  readonly q: tf.Tensor;
  /** Keys, `[batch, heads, length, headDim]`, with the feature map applied. */
  readonly k: tf.Tensor;
  /** Values, `[batch, heads, length, valueDim]`. */
  readonly v: tf.Tensor;
  /**
   * The decay of these tokens, of the same kind in every segment; a fixed decay
   * applies to the whole sequence. @default noDecay()
   */
  readonly decay?: Decay | undefined;
  /**
   * The padding mask, `[batch, length]`: 1 for a token, 0 for padding, as for
   * lionAttention.
   * @default no padding
   */
  readonly mask?: tf.Tensor | undefined;
}

const SEGMENT = optionsOf<StreamSegment>()("q k v decay mask");

/** A sequence that is read one segment at a time. */
export interface StreamSource {
  /** The number of tokens in the sequence. */
  readonly length: number;
  /** The number of tokens per segment; the last segment may have fewer. */
  readonly segmentLength: number;
  /**
   * Returns the segment of the tokens `start`, …, `end - 1`. Its tensors are
   * disposed of after use, except those of a fixed decay, which all segments
   * share and the source disposes of.
   */
  read(
    start: number,
    end: number,
  ): StreamSegment | Promise<StreamSegment>;
}

/** A valid segment, with `noDecay()` filled in if it has no decay. */
export interface CheckedSegment extends Vectors {
  readonly decay: Decay;
  readonly mask: tf.Tensor | undefined;
}

/** The sizes and the kind of decay that all segments have in common. */
interface Kind {
  readonly sizes: readonly [
    batch: number | null,
    heads: number | null,
    headDim: number | null,
    valueDim: number | null,
  ];
  readonly decay: string;
}

/** The sizes expected of the first segment: any. */
const ANY: Kind["sizes"] = [null, null, null, null];

/**
 * Reads a source's segments by index, and compares each with the first one that
 * was read.
 */
export class SegmentReader {
  /** Number of segments. */
  readonly count: number;
  readonly #source: StreamSource;
  readonly #signal: AbortSignal | undefined;
  #kind: Kind | undefined;

  /** @param signal Aborts the reading; `read` then throws its reason. */
  constructor(source: StreamSource, signal: AbortSignal | undefined) {
    const given: unknown = source;
    if (typeof given !== "object" || given === null) {
      throw new TypeError(
        `source should be an object such as { length, segmentLength, read }, got ${
          given === null ? "null" : typeof given
        }`,
      );
    }
    assertPositiveInteger("source.length", source.length);
    assertPositiveInteger("source.segmentLength", source.segmentLength);
    if (typeof source.read !== "function") {
      throw new TypeError(
        `source.read should be a function, got ${typeof source.read}`,
      );
    }
    this.#source = source;
    this.#signal = signal;
    this.count = Math.ceil(source.length / source.segmentLength);
  }

  /** The range of tokens in a segment, counted from 0. */
  range(index: number): { start: number; end: number } {
    const { length, segmentLength } = this.#source;
    const start = index * segmentLength;
    return { start, end: Math.min(start + segmentLength, length) };
  }

  /** Reads a segment, passes it to a function, and disposes of it in any case. */
  async read<Result>(
    index: number,
    use: (segment: CheckedSegment) => Result,
  ): Promise<Result> {
    // A source that never waits would starve signals and timers.
    await new Promise((resolve) => setTimeout(resolve));
    this.#signal?.throwIfAborted();
    const { start, end } = this.range(index);
    const coming = this.#source.read(start, end);
    const segment = await unlessAborted(this.#signal, coming, dispose);
    try {
      this.#signal?.throwIfAborted();
      return saying(`read(${start}, ${end})`, () => {
        return use(this.#check(segment, end - start));
      });
    } finally {
      dispose(segment);
    }
  }

  /**
   * Returns the segment with its decay; throws unless it is valid and like those
   * before it.
   */
  #check(segment: StreamSegment, length: number): CheckedSegment {
    assertOptions("the segment", segment, SEGMENT);
    const { q, k, v, mask, decay = noDecay() } = segment;
    for (const [name, x] of Object.entries({ q, k, v, mask })) {
      if (!x?.isDisposed) continue;
      throw new TypeError(
        `${name} is disposed of, as all tensors that read returns are after use; return tf.clone of those to keep`,
      );
    }
    const [batch, heads, headDim, valueDim] = this.#kind?.sizes ?? ANY;
    const axes = "batch, heads, length, headDim";
    assertShape("q", q, [batch, heads, length, headDim], axes);
    const { vectors } = assertAttention({ q, k, v }, { mask });
    assertShape("v", v, [batch, heads, length, valueDim], `${axes} of values`);
    assertDecay("decay", decay);
    const kind: Kind = {
      sizes: [q.shape[0], q.shape[1], q.shape[3], v.shape[3]],
      decay: "convention" in decay
        ? `${decay.kind} with the convention "${decay.convention}"`
        : decay.kind,
    };
    const known = this.#kind ??= kind;
    if (kind.decay !== known.decay) {
      throw new TypeError(
        `decay should be ${known.decay}, as in the segments before, got ${kind.decay}`,
      );
    }
    return { ...vectors, decay, mask };
  }
}

/** Runs a function, and adds the segment's name to its errors. */
function saying<Result>(name: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    if (error instanceof Error) error.message = `${name}: ${error.message}`;
    throw error;
  }
}

/** Disposes of a segment's tensors, except those that all segments share. */
function dispose(segment: StreamSegment): void {
  const { decay, ...ofSegment } = { ...segment };
  tf.dispose(decay?.kind === "fixed" ? ofSegment : { ...ofSegment, decay });
}
