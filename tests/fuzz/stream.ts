/** streamBidirectional beside float64 loops of the whole, and with faults of its source and its reader. @module */
import { assert, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { streamBidirectional, type StreamSegment } from "../../mod.ts";
import type { StreamBidirectionalOptions } from "../../lib/attention/streaming/stream.ts";
import {
  bounded,
  columns,
  given,
  lengths,
  paddings,
  seeds,
  STEPS,
  upTo,
  WORK,
} from "../subjects/draw.ts";
import { CHANNELS, DECAYS, LION, work } from "../subjects/lion.ts";
import { cut, type Whole, wholeOf } from "../subjects/stream.ts";
import { TOLERANCE } from "../tolerance.ts";
import { compared } from "./operations.ts";
import type { Target } from "./target.ts";

const common = {
  batch: upTo(2),
  heads: upTo(3),
  length: lengths(),
  headDim: columns,
  valueDim: columns,
  decay: fc.constantFrom(...DECAYS, ...CHANNELS),
  causal: fc.boolean(),
  normalize: fc.boolean(),
  epsilon: fc.constantFrom(null, 0, 0.5),
  scale: fc.constantFrom(null, 0.4, 2),
  padding: paddings,
  segmentLength: fc.oneof(upTo(20), upTo(200)),
  /** Whether read and write wait. */
  reads: fc.constantFrom(...["at once", "later"] as const),
  writes: fc.constantFrom(...["at once", "later"] as const),
  values: seeds,
};

const streams = fc.record(common, { noNullPrototype: true });

const faulty = fc.record({
  ...common,
  fault: fc.constantFrom(
    ...["read throws", "write throws", "onProgress throws"] as const,
    ...["abort in read", "abort in write", "abort in onProgress"] as const,
    ...["short", "long", "disposed", "no tensor", "another decay"] as const,
  ),
  /** At which of its calls, of those that there are. */
  when: fc.nat(999),
}, { noNullPrototype: true });

type Of<A> = A extends fc.Arbitrary<infer T> ? T : never;
type StreamCase = Of<typeof streams>;

/** Segments cost a few operations each. */
function slowed<T extends StreamCase>(c: T, most: number): T {
  const smaller = bounded(
    c,
    ["batch", "heads", "headDim", "valueDim"],
    work,
    WORK,
  );
  const fewest = Math.ceil(smaller.length / most);
  return {
    ...smaller,
    segmentLength: Math.max(smaller.segmentLength, fewest),
  };
}

const later = () => new Promise<void>((resolve) => setTimeout(resolve));

/** Streams a case, with its options. */
async function stream(
  c: StreamCase,
  whole: Whole,
  { read, write, ...options }:
    & Pick<StreamBidirectionalOptions, "signal" | "onProgress">
    & {
      read: (start: number, end: number) => StreamSegment;
      write: (start: number, y: tf.Tensor4D) => void;
    },
): Promise<void> {
  const { causal, normalize, epsilon, scale } = c;
  await streamBidirectional(
    {
      length: whole.q.shape[2],
      segmentLength: c.segmentLength,
      read: c.reads === "at once" ? read : async (start, end) => {
        await later();
        return read(start, end);
      },
    },
    c.writes === "at once" ? write : async (start, y) => {
      await later();
      write(start, y);
    },
    { causal, normalize, ...given({ epsilon, scale }), ...options },
  );
}

/** The target without faults. */
export const whole: Target<StreamCase> = {
  name: "stream",
  kind: "streams",
  cases: (backend) => streams.map((c) => slowed(c, STEPS[backend])),
  async run(c, backend) {
    const problem = LION.problemOf(c);
    const whole = wholeOf(problem);
    const parts: tf.Tensor4D[] = [];
    const progress: number[] = [];
    let total = 0;
    try {
      await stream(c, whole, {
        read: (start, end) => cut(whole, start, end),
        write: (start, y) => {
          assertEquals(start, parts.length * c.segmentLength);
          parts.push(y.clone());
        },
        onProgress: (at) => {
          progress.push(at.done);
          total = at.total;
        },
      });
      progress.slice(1).forEach((done, i) => assertLess(progress[i]!, done));
      assertEquals(progress.at(-1), total);
      const joined = tf.concat(parts, 2);
      parts.push(joined);
      const y = await joined.data<"float32">();
      const wanted = { ...LION.solve(problem), gradients: {} };
      return compared(
        problem,
        { y, gradients: {} },
        wanted,
        TOLERANCE[backend],
      );
    } finally {
      tf.dispose([{ ...whole }, ...parts]);
    }
  },
};

/** Calls of a function until the one that fails. */
function counter(when: number): () => boolean {
  let left = when;
  return () => left-- === 0;
}

/** The target with faults: the caller's own error, or one that names the segment. */
export const faults: Target<Of<typeof faulty>> = {
  name: "stream-faults",
  kind: "streams",
  cases: (backend) =>
    faulty.map((c) =>
      slowed({ ...c, length: Math.min(c.length, 140) }, STEPS[backend])
    ),
  async run(c) {
    const whole = wholeOf(LION.problemOf(c));
    const count = Math.ceil(c.length / c.segmentLength);
    const isOfRead = !/write|onProgress/.test(c.fault);
    const calls = c.causal || c.fault.includes("write") ? count : 2 * count - 1;
    // All segments have to be of one kind: the second that is read may differ.
    const least = c.fault === "another decay" ? 1 : 0;
    if (calls <= least) {
      tf.dispose({ ...whole });
      return {};
    }
    const isTime = counter(least + c.when % (calls - least));
    const own = new Error("the disk is full");
    const abort = new AbortController();
    const happens = (place: string) => {
      if (!c.fault.includes(place) || !isTime()) return;
      if (c.fault.startsWith("abort")) abort.abort(own);
      else throw own;
    };
    let written = 0;
    try {
      await stream(c, whole, {
        signal: abort.signal,
        read: (start, end) => {
          happens("read");
          const segment = cut(whole, start, end);
          const isOfSegment = isOfRead && !c.fault.includes("read");
          return isOfSegment && isTime() ? damaged(c.fault, segment) : segment;
        },
        write: () => {
          happens("write");
          written++;
        },
        onProgress: () => happens("onProgress"),
      });
      // An abort after the last segment comes too late.
      assert(
        c.fault.startsWith("abort") && written === count,
        `${c.fault} went unnoticed`,
      );
    } catch (error) {
      if (error === own) return {};
      assert(
        error instanceof TypeError || error instanceof RangeError,
        `${error}`,
      );
      assert(isOfRead && !c.fault.includes("read"), `${error}`);
      assert(/^read\(\d+, \d+\): /.test(error.message), error.message);
    } finally {
      tf.dispose({ ...whole });
    }
    return {};
  },
};

/** A segment that is not what was asked for. */
function damaged(
  fault: Of<typeof faulty>["fault"],
  segment: StreamSegment,
): StreamSegment {
  const { k } = segment;
  const replaced = (make: () => tf.Tensor) => {
    const other = make() as tf.Tensor4D;
    k.dispose();
    return { ...segment, k: other };
  };
  if (fault === "short") {
    return replaced(() => tf.slice(k, [0, 0, 1, 0]));
  }
  if (fault === "long") return replaced(() => tf.concat([k, k], 2));
  if (fault === "no tensor") {
    return replaced(() => undefined as unknown as tf.Tensor);
  }
  if (fault === "disposed") {
    k.dispose();
    return segment;
  }
  const { decay, ...others } = segment;
  if (decay?.kind !== "fixed") tf.dispose({ decay });
  return decay?.kind === "none"
    ? {
      ...others,
      decay: { kind: "fixed", logDecay: 0 as unknown as tf.Tensor1D },
    }
    : others;
}
