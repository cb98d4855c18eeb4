/** A sequence that is streamed equals the sequence as a whole. @module */
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import fc from "fast-check";
import {
  type Decay,
  fixedDecay,
  lionAttention,
  noDecay,
  selectiveDecay,
  streamBidirectional,
  type StreamBidirectionalOptions,
  type StreamProgress,
  type StreamSegment,
  type StreamSource,
  twoSidedDecay,
} from "../../mod.ts";
import { onEachBackend, TOLERANCE } from "../backends.ts";
import { type Problem, solve } from "../oracle.ts";
import { sample } from "../sample.ts";
import { type Case, DECAYS, describe, problemOf } from "./cases.ts";

/** A sequence that is on the device after all, to cut segments from. */
interface Whole {
  readonly q: tf.Tensor4D;
  readonly k: tf.Tensor4D;
  readonly v: tf.Tensor4D;
  readonly decay: Decay;
  readonly mask: tf.Tensor2D | undefined;
}

function wholeOf(problem: Problem): Whole {
  const { batch, heads, length, headDim, valueDim, decay, mask } = problem;
  const perToken: [number, number, number] = [batch, heads, length];
  const logDecays = (values: Float32Array) => tf.tensor3d(values, perToken);
  return {
    q: tf.tensor4d(problem.q, [...perToken, headDim]),
    k: tf.tensor4d(problem.k, [...perToken, headDim]),
    v: tf.tensor4d(problem.v, [...perToken, valueDim]),
    decay: decay.kind === "none"
      ? noDecay()
      : decay.kind === "fixed"
      ? fixedDecay(tf.tensor1d(decay.logDecay))
      : decay.kind === "two-sided"
      ? twoSidedDecay(logDecays(decay.forward), logDecays(decay.backward))
      : selectiveDecay(logDecays(decay.logDecay), { convention: decay.kind }),
    mask: mask && tf.tensor2d(mask, [batch, length]),
  };
}

/** The tokens `start`, …, `end - 1` of it; a fixed decay as it is. */
function cut(
  { q, k, v, decay, mask }: Whole,
  start: number,
  end: number,
): StreamSegment {
  const part = <T extends tf.Tensor>(x: T, axis: number): T => {
    const from = x.shape.map((_, i) => i === axis ? start : 0);
    const size = x.shape.map((_, i) => i === axis ? end - start : -1);
    return tf.slice(x, from, size) as T;
  };
  return {
    q: part(q, 2),
    k: part(k, 2),
    v: part(v, 2),
    decay: decay.kind === "selective"
      ? { ...decay, logDecay: part(decay.logDecay, 2) }
      : decay.kind === "two-sided"
      ? {
        ...decay,
        forward: part(decay.forward, 2),
        backward: part(decay.backward, 2),
      }
      : decay,
    ...(mask ? { mask: part(mask, 1) } : {}),
  };
}

function sourceOf(whole: Whole, segmentLength: number): StreamSource {
  return {
    length: whole.q.shape[2],
    segmentLength,
    read: (start, end) => cut(whole, start, end),
  };
}

/** All that is written, as one array of the whole's shape. */
async function collect(
  source: StreamSource,
  options: StreamBidirectionalOptions,
): Promise<Float32Array> {
  const parts: tf.Tensor4D[] = [];
  await streamBidirectional(source, (start, y) => {
    assertEquals(start, parts.length * source.segmentLength);
    parts.push(y.clone());
  }, options);
  const y = tf.concat(parts, 2);
  const values = await y.data<"float32">();
  tf.dispose([...parts, y]);
  return values;
}

/** One token, a divisor of the length, another number, and more than there are. */
const SEGMENT_LENGTHS = [1, 4, 5, 100];

/**
 * Six sequences, so that each of cases.ts's log decays has one; one decays to 0.
 * And a sequence of one token and one head.
 */
function* cases(): Generator<Case & { segmentLength: number }> {
  for (const decay of DECAYS) {
    yield {
      batch: 1,
      heads: 1,
      length: 1,
      decay,
      causal: false,
      normalize: true,
      padded: false,
      segmentLength: 3,
    };
  }
  for (const decay of DECAYS) {
    for (const segmentLength of SEGMENT_LENGTHS) {
      for (const normalize of [true, false]) {
        for (const padded of [false, true]) {
          for (const causal of [false, true]) {
            yield {
              batch: 2,
              heads: 3,
              length: 12,
              decay,
              causal,
              normalize,
              padded,
              segmentLength,
            };
          }
        }
      }
    }
  }
}

onEachBackend(
  "streamBidirectional() equals the oracle with every decay",
  async (backend) => {
    const wrong: string[] = [];
    for (const c of sample(backend, cases())) {
      const problem = problemOf(c);
      const { y: { values, magnitudes } } = solve(problem);
      const whole = wholeOf(problem);
      const { scale, epsilon, normalize, causal } = problem;
      const got = await collect(sourceOf(whole, c.segmentLength), {
        scale,
        epsilon,
        normalize,
        causal,
      });
      assertEquals(got.length, values.length);
      // Each sequence by itself, so that weak decays do not hide strong ones.
      const sequences = c.batch * c.heads;
      const size = values.length / sequences;
      for (let s = 0; s < sequences; s++) {
        const range = [s * size, (s + 1) * size] as const;
        const largest = Math.max(...magnitudes.subarray(...range));
        const error = Math.max(
          ...values.subarray(...range).map((value, i) =>
            Math.abs(value - got[s * size + i]!)
          ),
        ) / largest;
        if (error <= TOLERANCE[backend].forward) continue;
        wrong.push(
          `${
            describe(c)
          } segments of ${c.segmentLength}, sequence ${s}: ${error}`,
        );
      }
      tf.dispose({ ...whole });
    }
    assertEquals(wrong, []);
  },
);

onEachBackend(
  "streamBidirectional() equals lionAttention() where segments have many chunks",
  async (backend) => {
    for (const decay of sample(backend, DECAYS)) {
      const problem = problemOf({
        batch: 1,
        heads: 2,
        length: 601,
        decay,
        causal: false,
        normalize: true,
        padded: false,
      });
      const whole = wholeOf(problem);
      const { q, k, v } = whole;
      const y = lionAttention(q, k, v, {
        decay: whole.decay,
        form: "chunkwise",
      });
      const wanted = await y.data();
      const largest = Math.max(...wanted.map(Math.abs));
      const got = await collect(sourceOf(whole, 256), {});
      const error = Math.max(...wanted.map((value, i) =>
        Math.abs(value - got[i]!)
      )) / largest;
      assertLess(error, TOLERANCE[backend].forward, decay);
      tf.dispose([y, { ...whole }] as tf.TensorContainer);
    }
  },
);

/** Sequences of any shape, and segments of any length. */
const streams = fc.record({
  batch: fc.integer({ min: 1, max: 2 }),
  heads: fc.integer({ min: 1, max: 3 }),
  length: fc.integer({ min: 1, max: 300 }),
  headDim: fc.integer({ min: 1, max: 9 }),
  valueDim: fc.integer({ min: 1, max: 9 }),
  decay: fc.constantFrom(...DECAYS),
  causal: fc.boolean(),
  normalize: fc.boolean(),
  padded: fc.boolean(),
  segmentLength: fc.integer({ min: 20, max: 200 }),
});

onEachBackend(
  "streamBidirectional() equals lionAttention() on random shapes",
  (backend) =>
    fc.assert(
      fc.asyncProperty(streams, async (c) => {
        const whole = wholeOf(problemOf(c));
        const { q, k, v, decay, mask } = whole;
        const { causal, normalize } = c;
        const y = lionAttention(q, k, v, {
          decay,
          causal,
          normalize,
          form: "chunkwise",
          ...(mask ? { mask } : {}),
        });
        const wanted = await y.data();
        const got = await collect(sourceOf(whole, c.segmentLength), {
          causal,
          normalize,
        });
        tf.dispose([y, { ...whole }] as tf.TensorContainer);
        const largest = Math.max(...wanted.map(Math.abs));
        const error = Math.max(
          ...wanted.map((value, i) => Math.abs(value - got[i]!)),
        );
        assertLess(error, 2 * TOLERANCE[backend].forward * largest);
      }),
      { numRuns: 15, seed: 20250224 },
    ),
);

onEachBackend(
  "streamBidirectional() computes with integers and booleans as with floats",
  async () => {
    const integers = (start: number, end: number) =>
      tf.tidy((): tf.Tensor4D =>
        tf.reshape(tf.range(start + 1, end + 1, 1, "int32"), [1, 1, -1, 1])
      );
    const stream = (asFloats: boolean) =>
      collect({
        length: 7,
        segmentLength: 3,
        read(start, end) {
          const make = <T extends tf.Tensor>(x: T): T => {
            if (!asFloats) return x;
            const floats = tf.cast(x, "float32");
            x.dispose();
            return floats;
          };
          const [q, k, v] = [1, 2, 3].map(() => make(integers(start, end)));
          const isOdd = Array.from(
            { length: end - start },
            (_, i) => (start + i) % 2 === 1,
          );
          return {
            q: q!,
            k: k!,
            v: v!,
            decay: selectiveDecay(
              make(tf.fill([1, 1, end - start], -1, "int32")),
            ),
            mask: make(tf.tensor2d([isOdd], [1, end - start], "bool")),
          };
        },
      }, {});
    const y = await stream(false);
    assertEquals(y, await stream(true));
    // Tokens 1, 3 and 5 of 0 to 6; the others are padding.
    assertEquals(
      y.map((value) => value > 0 ? 1 : 0),
      new Float32Array([0, 1, 0, 1, 0, 1, 0]),
    );
  },
);

/** Ten tokens, in segments of four. */
function small(): { whole: Whole; source: StreamSource } {
  const whole = wholeOf(problemOf({
    batch: 1,
    heads: 2,
    length: 10,
    decay: "source",
    causal: false,
    normalize: true,
    padded: false,
  }));
  return { whole, source: sourceOf(whole, 4) };
}

/** A source that writes down what is asked of it. */
function followed(source: StreamSource, log: string[]): StreamSource {
  return {
    ...source,
    read(start, end) {
      log.push(`read ${start}, ${end}`);
      return source.read(start, end);
    },
  };
}

onEachBackend(
  "streamBidirectional() reads from the right, then from the left, and tells",
  async () => {
    const { whole, source } = small();
    const log: string[] = [];
    const told: StreamProgress[] = [];
    const write = (start: number, y: tf.Tensor4D) => {
      log.push(`write ${start}`);
      assertEquals(y.shape, [1, 2, Math.min(4, 10 - start), 5]);
    };
    const onProgress = (progress: StreamProgress) => told.push(progress);
    await streamBidirectional(followed(source, log), write, { onProgress });
    const outputs = [
      "read 0, 4",
      "write 0",
      "read 4, 8",
      "write 4",
      "read 8, 10",
      "write 8",
    ];
    assertEquals(log, ["read 8, 10", "read 4, 8", ...outputs]);
    assertEquals(told, [
      { pass: "states", done: 2, total: 16 },
      { pass: "states", done: 6, total: 16 },
      { pass: "outputs", done: 10, total: 16 },
      { pass: "outputs", done: 14, total: 16 },
      { pass: "outputs", done: 16, total: 16 },
    ]);

    log.length = told.length = 0;
    await streamBidirectional(followed(source, log), write, {
      causal: true,
      onProgress,
    });
    assertEquals(log, outputs);
    assertEquals(told.map(({ done, total }) => [done, total]), [
      [4, 10],
      [8, 10],
      [10, 10],
    ]);
    tf.dispose({ ...whole });
  },
);

onEachBackend(
  "streamBidirectional() disposes of what is read and of what is written",
  async () => {
    const { whole, source } = small();
    const logDecay = tf.tensor1d([-0.1, -1]);
    const seen: tf.Tensor[] = [];
    const before = tf.memory().numTensors;
    await streamBidirectional({
      ...source,
      read(start, end) {
        const { q, k, v } = cut({ ...whole, decay: noDecay() }, start, end);
        const mask = tf.ones<tf.Rank.R2>([1, end - start]);
        seen.push(q, k, v, mask);
        return { q, k, v, mask, decay: fixedDecay(logDecay) };
      },
    }, (_start, y) => void seen.push(y));
    assertEquals(tf.memory().numTensors, before);
    assert(seen.every((x) => x.isDisposed));
    // A fixed decay is no segment's.
    assert(!logDecay.isDisposed);
    tf.dispose([logDecay, { ...whole }] as tf.TensorContainer);
  },
);

onEachBackend("streamBidirectional() ends when it is told to", async () => {
  const { whole, source } = small();
  const reason = new RangeError("enough");
  const total = 16;
  // Before the first segment, within the first pass, at its end, and within the second.
  for (
    const [at, pass] of [[0], [2, "states"], [6, "states"], [10, "outputs"]]
  ) {
    const controller = new AbortController();
    const { signal } = controller;
    if (at === 0) controller.abort(reason);
    const told: StreamProgress[] = [];
    const before = tf.memory().numTensors;
    const failure = await assertRejects(
      () =>
        streamBidirectional(source, () => {}, {
          signal,
          onProgress(progress) {
            told.push(progress);
            if (progress.done === at) controller.abort(reason);
          },
        }),
      Error,
    );
    assert(failure === reason);
    assertEquals(reason.message, "enough");
    assertEquals(tf.memory().numTensors, before);
    const last = told.at(-1);
    assertEquals(last, at ? { pass, done: at, total } : undefined);
  }
  // While it reads, and by a timer, though the source waits for nothing.
  const controller = new AbortController();
  let reads = 0;
  await assertRejects(
    () =>
      streamBidirectional(
        {
          ...source,
          read(start, end) {
            reads++;
            controller.abort();
            return source.read(start, end);
          },
        },
        () => {},
        { signal: controller.signal },
      ),
    DOMException,
    "aborted",
  );
  assertEquals(reads, 1);
  const later = new AbortController();
  setTimeout(() => later.abort());
  await assertRejects(
    () =>
      streamBidirectional({ ...source, segmentLength: 1 }, () => {}, {
        signal: later.signal,
      }),
    DOMException,
    "aborted",
  );
  tf.dispose({ ...whole });
});

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

/** Tokens that are made as they are read, the same at the same place. */
function made(length: number, segmentLength: number): StreamSource {
  const columns = 32;
  return {
    length,
    segmentLength,
    read(start, end) {
      const wave = (phase: number) =>
        tf.tidy((): tf.Tensor4D => {
          const tokens = tf.reshape(tf.range(start, end), [1, 1, -1, 1]);
          const angles = tf.mul(tokens, tf.linspace(0.01, 0.5, columns));
          return tf.add(1.1, tf.sin(tf.add(angles, phase)));
        });
      return {
        q: wave(0),
        k: wave(1),
        v: wave(2),
        decay: selectiveDecay(tf.fill([1, 1, end - start], -0.01)),
      };
    },
  };
}

/** Bytes of a GPU's buffers, those included that wait for their next use. */
function buffersOf(backend: tf.KernelBackend): number {
  return backend instanceof WebGPUBackend
    ? backend.bufferManager.numBytesAllocated
    : 0;
}

onEachBackend(
  "streamBidirectional() needs no more of the device for a longer sequence",
  async () => {
    const peak = async (segments: number) => {
      const before = tf.memory().numBytes;
      const { peakBytes } = await tf.profile(() =>
        streamBidirectional(made(segments * 32 - 5, 32), () => {})
      );
      return peakBytes - before;
    };
    const few = await peak(4);
    assert(few > 0);
    const held = buffersOf(tf.backend() as tf.KernelBackend);
    assertEquals(await peak(16), few);
    // Of uniforms it may have some more.
    assert(buffersOf(tf.backend() as tf.KernelBackend) <= 1.1 * held);
  },
);

onEachBackend(
  "streamBidirectional() reads 65,536 tokens, and equals lionAttention()",
  async (backend) => {
    const [length, segmentLength] = [65_536, 4096];
    const source = made(length, segmentLength);
    const { q, k, v, decay } = await source.read(0, length);
    const y = lionAttention(q, k, v, { decay: decay!, form: "chunkwise" });
    const wanted = await y.data<"float32">();
    tf.dispose([q, k, v, y, { ...decay }] as tf.TensorContainer);

    let error = 0;
    let tokens = 0;
    const columns = v.shape[3];
    const before = tf.memory().numBytes;
    const { peakBytes } = await tf.profile(() =>
      streamBidirectional(source, async (start, y) => {
        tokens += y.shape[2];
        const got = await y.data();
        got.forEach((value, i) =>
          error = Math.max(
            error,
            Math.abs(value - wanted[start * columns + i]!),
          )
        );
      })
    );
    assertEquals(tokens, length);
    const largest = wanted.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    assertLess(error / largest, TOLERANCE[backend].forward);
    // q, k, v and y of a segment, and what they are made of and computed with.
    const ofSegment = 4 * segmentLength * columns;
    assertLess((peakBytes - before) / ofSegment, 8);
  },
  ["wasm"],
);
