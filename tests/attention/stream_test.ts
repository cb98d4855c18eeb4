/** A sequence that is streamed equals the sequence as a whole. @module */
import { assert, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import fc from "fast-check";
import {
  type BackendName,
  lionAttention,
  selectiveDecay,
  streamBidirectional,
  type StreamSource,
} from "../../mod.ts";
import { onEachBackend, TOLERANCE } from "../backends.ts";
import { largest } from "../comparison.ts";
import { sample, sampleForms } from "../sample.ts";
import {
  CHANNELS,
  DECAYS,
  isOfChannels,
  LION,
  type LionCase,
  optionsOf,
} from "../subjects/lion.ts";
import { collect, sourceOf, wholeOf } from "../subjects/stream.ts";
import { differences, solved } from "../subjects/subject.ts";

/** Wrong lines of what is streamed, beside the oracle of the whole. */
async function failuresOf(
  c: LionCase,
  segmentLength: number,
  backend: BackendName,
): Promise<string[]> {
  const { problem, expected } = solved(LION, c);
  const whole = wholeOf(problem);
  const y = await collect(sourceOf(whole, segmentLength), optionsOf(problem));
  tf.dispose({ ...whole });
  const result = { y, gradients: {} };
  const alone = { ...expected, gradients: {} };
  return differences(LION, problem, result, alone, backend)
    .map((line) => `${JSON.stringify(c)} by ${segmentLength}: ${line}`);
}

/**
 * One token, a divisor of the length, another number, and more than there are. Six
 * sequences, so that each kind of log decays has one; one decays to 0. And a sequence
 * of one token and one head, and with decays of channels one of many chunks.
 */
const CASES = [
  ...DECAYS.map((decay): [LionCase, number] => [
    {
      ...{ batch: 1, heads: 1, length: 1, decay },
      ...{ causal: false, normalize: true },
    },
    3,
  ]),
  ...[...DECAYS, ...CHANNELS].flatMap((decay) =>
    [1, 4, 5, 100, 66].flatMap((segmentLength) =>
      [true, false].flatMap((normalize) =>
        [false, true].flatMap((padded) =>
          [false, true].flatMap((causal): [LionCase, number][] => {
            const sizes = segmentLength === 66
              ? { batch: 1, heads: 1, length: 137 }
              : { batch: 2, heads: 3, length: 12 };
            const isLeft = segmentLength === 66 &&
              (!isOfChannels(decay) || normalize !== padded);
            const c = { ...sizes, decay, causal, normalize, padded };
            return isLeft ? [] : [[c, segmentLength]];
          })
        )
      )
    )
  ),
];

onEachBackend(
  "streamBidirectional() equals the oracle with every decay",
  async (backend) => {
    const wrong: string[] = [];
    for (const [c, segmentLength] of sampleForms(backend, CASES, () => false)) {
      wrong.push(...await failuresOf(c, segmentLength, backend));
    }
    assertEquals(wrong, []);
  },
  { sampled: true },
);

/** How far a stream is from the whole in chunks, in its largest number. */
async function errorOf(c: LionCase, segmentLength: number): Promise<number> {
  const problem = LION.problemOf(c);
  const { causal, normalize } = problem;
  const whole = wholeOf(problem);
  const { q, k, v, decay, mask } = whole;
  const y = lionAttention(q, k, v, {
    ...{ decay, causal, normalize, form: "chunkwise", mask },
  });
  const wanted = await y.data();
  const source = sourceOf(whole, segmentLength);
  const got = await collect(source, { causal, normalize });
  tf.dispose([y, { ...whole }] as tf.TensorContainer);
  const error = wanted.map((value, i) => value - got[i]!);
  return largest(error) / largest(wanted);
}

onEachBackend(
  "streamBidirectional() equals lionAttention() where segments have many chunks",
  async (backend) => {
    for (const decay of sample(backend, DECAYS)) {
      const sizes = { batch: 1, heads: 2, length: 601 };
      const c = { ...sizes, decay, causal: false, normalize: true };
      const { forward } = TOLERANCE[backend];
      assertLess(await errorOf(c, 256), forward, decay);
    }
  },
  { sampled: true },
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
      fc.asyncProperty(streams, async ({ segmentLength, ...c }) => {
        const error = await errorOf(c, segmentLength);
        assertLess(error, 2 * TOLERANCE[backend].forward);
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
    const columns = v.shape[3]!;
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
