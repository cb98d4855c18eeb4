/** Sequences to stream, and what comes of them. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type Decay,
  streamBidirectional,
  type StreamSegment,
  type StreamSource,
} from "../../mod.ts";
import type { StreamBidirectionalOptions } from "../../lib/attention/streaming/stream.ts";
import { decayOf, LION, type LionProblem } from "./lion.ts";
import { cut as cutTensors } from "./pieces.ts";
import { tensorsOf, tokenOptions } from "./subject.ts";

/** A sequence that is on the device after all, to cut segments from. */
export interface Whole {
  readonly q: tf.Tensor4D;
  readonly k: tf.Tensor4D;
  readonly v: tf.Tensor4D;
  readonly decay: Decay;
  readonly mask: tf.Tensor2D | undefined;
}

/** The sequence of a problem. */
export function wholeOf(problem: LionProblem): Whole {
  const { q, k, v, ...decays } = tensorsOf(problem);
  const { mask } = tokenOptions(problem);
  const decay = decayOf(problem.decay, decays);
  return { q, k, v, decay, mask } as Whole;
}

/** The tokens `start`, …, `end - 1` of it; a fixed decay as it is. */
export function cut(
  { decay, ...whole }: Whole,
  start: number,
  end: number,
): StreamSegment {
  const ofDecay = Object.entries(decay)
    .filter(([, x]) => x instanceof tf.Tensor);
  return {
    ...cutTensors(whole, start, end - start),
    decay: {
      ...decay,
      ...cutTensors(Object.fromEntries(ofDecay), start, end - start),
    },
  } as StreamSegment;
}

export function sourceOf(whole: Whole, segmentLength: number): StreamSource {
  return {
    length: whole.q.shape[2],
    segmentLength,
    read: (start, end) => cut(whole, start, end),
  };
}

/** All that is written, as one array of the whole's shape. */
export async function collect(
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

/** Ten tokens, in segments of four. */
export function small(): { whole: Whole; source: StreamSource } {
  const whole = wholeOf(LION.problemOf({
    ...{ batch: 1, heads: 2, length: 10, decay: "source" },
    ...{ causal: false, normalize: true },
  }));
  return { whole, source: sourceOf(whole, 4) };
}
