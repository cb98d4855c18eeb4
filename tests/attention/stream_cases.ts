/** Sequences to stream, and what comes of them. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  bidirectionalDecay,
  type Decay,
  fixedDecay,
  noDecay,
  selectiveDecay,
  streamBidirectional,
  type StreamSegment,
  type StreamSource,
} from "../../mod.ts";
import type { StreamBidirectionalOptions } from "../../lib/attention/streaming/stream.ts";
import type { Problem } from "../oracle.ts";
import { problemOf } from "./cases.ts";

/** A sequence that is on the device after all, to cut segments from. */
export interface Whole {
  readonly q: tf.Tensor4D;
  readonly k: tf.Tensor4D;
  readonly v: tf.Tensor4D;
  readonly decay: Decay;
  readonly mask: tf.Tensor2D | undefined;
}

export function wholeOf(problem: Problem): Whole {
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
      ? bidirectionalDecay(logDecays(decay.forward), logDecays(decay.backward))
      : selectiveDecay(logDecays(decay.logDecay), { convention: decay.kind }),
    mask: mask && tf.tensor2d(mask, [batch, length]),
  };
}

/** The tokens `start`, …, `end - 1` of it; a fixed decay as it is. */
export function cut(
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
    decay: "convention" in decay
      ? { ...decay, logDecay: part<tf.Tensor>(decay.logDecay, 2) } as Decay
      : "forward" in decay
      ? {
        ...decay,
        forward: part<tf.Tensor>(decay.forward, 2),
        backward: part<tf.Tensor>(decay.backward, 2),
      } as Decay
      : decay,
    ...(mask ? { mask: part(mask, 1) } : {}),
  };
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
