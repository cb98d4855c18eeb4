/** Streaming says what is wrong, and leaves no tensor. @module */
import { assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  diagonalDecay,
  selectiveDecay,
  streamBidirectional,
  type StreamSegment,
  type StreamSource,
} from "../../mod.ts";
import type { StreamBidirectionalOptions } from "../../lib/attention/streaming/stream.ts";
import { onEachBackend } from "../backends.ts";
import { collect, cut, small } from "../subjects/stream.ts";

onEachBackend(
  "streamBidirectional() passes on what its caller throws, and leaves nothing",
  async () => {
    const { whole, source } = small();
    const fails = async (
      change: Partial<StreamSource>,
      write: (start: number) => void | Promise<void> = () => {},
      options: StreamBidirectionalOptions = {},
    ) => {
      const before = tf.memory().numTensors;
      await assertRejects(
        () => streamBidirectional({ ...source, ...change }, write, options),
        Error,
        "disk",
      );
      assertEquals(tf.memory().numTensors, before);
    };
    const disk = () => {
      throw new Error("disk");
    };
    for (const failing of [1, 2, 3, 4, 5]) {
      let reads = 0;
      const read = (start: number, end: number) =>
        ++reads === failing ? disk() : source.read(start, end);
      await fails({ read });
      reads = 0;
      await fails({
        read: async (start, end) => {
          await Promise.resolve();
          return read(start, end);
        },
      });
    }
    for (const failing of [0, 4, 8]) {
      await fails({}, (start) => start === failing ? disk() : undefined);
      await fails(
        {},
        (start) =>
          start === failing ? Promise.reject(new Error("disk")) : undefined,
      );
    }
    for (const failing of [2, 6, 10, 16]) {
      await fails({}, undefined, {
        onProgress: ({ done }) => done === failing ? disk() : undefined,
      });
    }
    tf.dispose({ ...whole });
  },
);

onEachBackend(
  "streamBidirectional() names what is wrong with a segment, and leaves nothing",
  async () => {
    const { whole, source } = small();
    const rejects = async (
      kind: ErrorConstructor,
      part: string,
      change: (segment: StreamSegment, reads: number) => unknown,
    ) => {
      const before = tf.memory().numTensors;
      let reads = 0;
      await assertRejects(
        () =>
          streamBidirectional({
            ...source,
            read: (start, end) =>
              change(cut(whole, start, end), ++reads) as StreamSegment,
          }, () => {}),
        kind,
        part,
      );
      assertEquals(tf.memory().numTensors, before);
    };
    /** Replaces a tensor of a segment, and disposes of the one that was there. */
    const replace = (
      segment: StreamSegment,
      name: "q" | "k" | "v",
      x: tf.Tensor,
    ) => {
      segment[name].dispose();
      return { ...segment, [name]: x };
    };
    for (const [name, dim] of [["q", 6], ["k", 6], ["v", 5]] as const) {
      await rejects(
        TypeError,
        `read(8, 10): ${name} should have shape [batch, heads, length, `,
        (segment) => replace(segment, name, tf.ones([1, 2, 3, dim])),
      );
      await rejects(
        TypeError,
        `read(8, 10): ${name} should be a tensor`,
        (segment) => replace(segment, name, 3 as unknown as tf.Tensor),
      );
      await rejects(
        TypeError,
        `read(8, 10): ${name} is disposed of`,
        (segment) => {
          segment[name].dispose();
          return segment;
        },
      );
    }
    // The second one that comes is unlike the first.
    await rejects(
      TypeError,
      "read(4, 8): v should have shape [batch, heads, length, headDim of values] = [1, 2, 4, 5], got [1, 2, 4, 7]",
      (segment, reads) =>
        reads === 1 ? segment : replace(segment, "v", tf.ones([1, 2, 4, 7])),
    );
    await rejects(
      TypeError,
      'read(4, 8): decay should be selective with the convention "source", as in the segments before, got none',
      (segment, reads) => {
        if (reads === 1) return segment;
        const { decay, ...others } = segment;
        tf.dispose({ decay });
        return others;
      },
    );
    await rejects(
      TypeError,
      'got selective with the convention "arrival"',
      (segment, reads) =>
        reads === 1
          ? segment
          : { ...segment, decay: { ...segment.decay, convention: "arrival" } },
    );
    await rejects(
      TypeError,
      "read(8, 10): selectiveDecay's logDecay should have shape [batch, heads, length] = [1, 2, 2], got [1, 2, 3]",
      ({ decay, ...segment }) => {
        tf.dispose({ decay });
        return { ...segment, decay: selectiveDecay(tf.zeros([1, 2, 3])) };
      },
    );
    await rejects(
      TypeError,
      "read(8, 10): mask should have shape [batch, length] = [1, 2], got [1, 4]",
      (segment) => ({ ...segment, mask: tf.ones([1, 4]) }),
    );
    await rejects(
      TypeError,
      'read(8, 10): the segment has no option "values"; did you mean "v"?',
      (segment) => ({ ...segment, values: tf.ones([1]) }),
    );
    await rejects(
      RangeError,
      "read(8, 10): v should not be empty",
      (segment) => replace(segment, "v", tf.zeros([1, 2, 2, 0])),
    );
    for (const odd of [undefined, null, "segment", 3]) {
      await rejects(
        TypeError,
        "read(8, 10): options of the segment should be an object",
        (segment) => {
          tf.dispose({ ...segment });
          return odd;
        },
      );
    }
    tf.dispose({ ...whole });
  },
);

onEachBackend(
  "streamBidirectional() names what is wrong with its arguments",
  async () => {
    const { whole, source } = small();
    type Any = Record<string, unknown>;
    const rejects = (
      kind: ErrorConstructor,
      part: string,
      { options = {}, from = source, write = () => {} }: {
        options?: unknown;
        from?: unknown;
        write?: unknown;
      },
    ) =>
      assertRejects(
        () =>
          streamBidirectional(
            from as StreamSource,
            write as () => void,
            options as Any,
          ),
        kind,
        part,
      );
    await rejects(TypeError, 'did you mean "normalize"', {
      options: { normalise: true },
    });
    await rejects(
      TypeError,
      "options of streamBidirectional should be an obj",
      {
        options: null,
      },
    );
    const of = (options: Any) => ({ options });
    await rejects(TypeError, "normalize should be", of({ normalize: 1 }));
    await rejects(TypeError, "causal should be true or", of({ causal: "no" }));
    await rejects(RangeError, "scale should be finite", of({ scale: NaN }));
    await rejects(RangeError, "epsilon should be 0 or", of({ epsilon: -1 }));
    await rejects(TypeError, "onProgress should be", of({ onProgress: 1 }));
    await rejects(TypeError, "write should be a function", { write: 1 });
    await rejects(TypeError, "source should be an object", { from: null });
    for (const name of ["length", "segmentLength"]) {
      for (const value of [0, -1, 1.5, NaN]) {
        await rejects(
          RangeError,
          `source.${name} should be a positive integer, got ${value}`,
          { from: { ...source, [name]: value } },
        );
      }
      await rejects(TypeError, `source.${name} should be a number`, {
        from: { ...source, [name]: undefined },
      });
    }
    await rejects(
      TypeError,
      "source.read should be a function, got undefined",
      {
        from: { length: 3, segmentLength: 2 },
      },
    );
    tf.dispose({ ...whole });
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
