/** Mamba's selective scan in tfjs operations, without a fused kernel. @module */
import * as tf from "@tensorflow/tfjs-core";
import { shifted } from "../shift.ts";

/** Tokens per chunk, all of whose states are in memory at once. */
const CHUNK = 64;

/** Inputs of a selective scan, and the tokens at which the state is reset. */
export interface ScanInputs {
  readonly x: tf.Tensor3D;
  readonly dt: tf.Tensor3D;
  readonly a: tf.Tensor2D;
  readonly b: tf.Tensor3D;
  readonly c: tf.Tensor3D;
  readonly d: tf.Tensor | undefined;
  readonly z: tf.Tensor | undefined;
  /** The tokens before which the state is reset to zero: 1 there, `[batch, length]`. */
  readonly begins: tf.Tensor2D | undefined;
}

/**
 * Computes the scan chunk by chunk. All states of a chunk are computed at once,
 * in doubling steps, each of which adds the decayed states from that many
 * tokens before. The gradient keeps all states.
 *
 * @returns `[batch, length, channels]`
 */
export function scanPlainly(inputs: ScanInputs, reverse: boolean): tf.Tensor3D {
  const { x, d, z } = inputs;
  if (x.size === 0) return tf.zeros(x.shape);
  const turned = <T extends tf.Tensor>(x: T): T =>
    reverse ? tf.reverse(x, 1) : x;
  const { read } = scanFrom(stateBefore(inputs), {
    x: turned(x),
    dt: turned(inputs.dt),
    a: inputs.a,
    b: turned(inputs.b),
    c: turned(inputs.c),
    begins: inputs.begins && turned(inputs.begins),
  });
  return gated(turned(read), { x, d, z });
}

/** Makes the initial state, zeros `[batch, 1, channels, stateDim]`. */
export function stateBefore(
  { x, a }: Pick<ScanInputs, "x" | "a">,
): tf.Tensor4D {
  return tf.zeros([x.shape[0], 1, ...a.shape]);
}

/**
 * Adds the skip connection, and gates: (y + d x) SiLU(z),
 * `[batch, length, channels]`; d and z are optional.
 */
export function gated(
  y: tf.Tensor3D,
  { x, d, z }: Pick<ScanInputs, "x" | "d" | "z">,
): tf.Tensor3D {
  const whole = d ? tf.add(y, tf.mul(d, x)) as tf.Tensor3D : y;
  return z ? tf.mul(whole, tf.mul(z, tf.sigmoid(z))) : whole;
}

/**
 * Computes the scan from left to right, starting from the state after the
 * earlier tokens.
 *
 * @param before `[batch, 1, channels, stateDim]`
 * @returns c · h for each token, and the state after the last one.
 */
export function scanFrom(
  before: tf.Tensor4D,
  { x, dt, a, b, c, begins }: Omit<ScanInputs, "d" | "z">,
): { read: tf.Tensor3D; state: tf.Tensor4D } {
  const [batch, length] = x.shape;
  const kept = begins ? tf.sub(1, begins) : tf.ones([batch, length]);
  const chunks = [x, dt, b, c, tf.expandDims(kept, 2) as tf.Tensor3D]
    .map((x) => chunksOf(x, length));
  let state = before;
  const outputs = chunks[0]!.map((x, i) => {
    const [dt, b, c, kept] = chunks.slice(1).map((list) => list[i]!);
    const step = tf.expandDims(dt!, 3);
    const decay = tf.mul(tf.exp(tf.mul(step, a)), tf.expandDims(kept!, 3));
    const written = tf.mul(
      tf.mul(step, tf.expandDims(x, 3)),
      tf.expandDims(b!, 2),
    );
    const states = statesOf(state, decay as tf.Tensor4D, written);
    state = lastOf(states);
    return tf.sum(tf.mul(states, tf.expandDims(c!, 2)), 3) as tf.Tensor3D;
  });
  return {
    read: outputs.length === 1 ? outputs[0]! : tf.concat(outputs, 1),
    state,
  };
}

/**
 * Computes the state after each token, h_t = decay_t h_{t-1} + written_t,
 * `[batch, length, channels, stateDim]`.
 */
function statesOf(
  before: tf.Tensor4D,
  decay: tf.Tensor4D,
  written: tf.Tensor,
): tf.Tensor4D {
  const [batch, length, channels, stateDim] = decay.shape;
  const first = tf.mul(
    tf.slice(decay, [0, 0, 0, 0], [batch, 1, channels, stateDim]),
    before,
  );
  const atFirstToken: [number, number][] = [[0, 0], [0, length - 1], [0, 0], [
    0,
    0,
  ]];
  let states = tf.add(written, tf.pad(first, atFirstToken)) as tf.Tensor4D;
  for (let step = 1; step < length; step *= 2) {
    states = tf.add(states, tf.mul(decay, shifted(states, step, 1)));
    decay = tf.mul(decay, shifted(decay, step, 1));
  }
  return states;
}

/** The state after the last token, `[batch, 1, channels, stateDim]`. */
function lastOf(states: tf.Tensor4D): tf.Tensor4D {
  const [batch, length, channels, stateDim] = states.shape;
  return tf.slice(states, [0, length - 1, 0, 0], [
    batch,
    1,
    channels,
    stateDim,
  ]);
}

/**
 * Splits x, `[batch, length, columns]`, into chunks of at most
 * {@linkcode CHUNK} tokens.
 */
function chunksOf(x: tf.Tensor3D, length: number): tf.Tensor3D[] {
  if (length <= CHUNK) return [x];
  const sizes: number[] = [];
  for (let rest = length; rest > 0; rest -= CHUNK) {
    sizes.push(Math.min(CHUNK, rest));
  }
  return tf.split(x, sizes, 1);
}
