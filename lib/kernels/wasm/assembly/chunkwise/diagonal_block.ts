// Scores of pairs among four neighbouring tokens whose channels each have a decay,
// in registers. The back direction is the forward one with the tokens in the other
// order, from the last to the first: so all is written once, for tokens 0 to 3, of
// which each reads those before it.
import { headStride } from "./sizes";
import { decaysBack, decaysForward } from "./diagonal";
import { dot } from "../../../../tfjs/wasm/assembly/math/loops";
import { at, put } from "../../../../tfjs/wasm/assembly/math/matrix";
import {
  multiplyAdd, sum4, sums4
} from "../../../../tfjs/wasm/assembly/math/simd";

/** The tokens of a block. */
export const BLOCK = 4;

let token: i32 = 0, row: usize = 0;
let q: usize = 0, k: usize = 0;

/**
 * Opens the block that begins with a token; matrices of scores have rows of so
 * many bytes.
 */
export function openBlock(
  first: i32, rowBytes: usize, queries: usize, keys: usize
): void {
  token = first;
  row = rowBytes;
  q = queries;
  k = keys;
}

/**
 * Computes the score of each token of the block with itself, into the diagonal
 * of `scores`.
 */
export function selfScores(scores: usize): void {
  for (let i = token; i < token + BLOCK; i++) {
    const offset = i * headStride;
    put(scores + i * row, i, dot(headStride, q + offset, k + offset));
  }
}

/** Adds to dq and dk what comes from the gradients in {@link selfScores}. */
export function selfGradients(products: usize, dq: usize, dk: usize): void {
  for (let i = token; i < token + BLOCK; i++) {
    const product = f32x4.splat(at(products + i * row, i));
    let cell = i * headStride;
    for (const end = cell + headStride; cell < end; cell += 16) {
      add(dq + cell, f32x4.mul(product, v128.load(k + cell)));
      add(dk + cell, f32x4.mul(product, v128.load(q + cell)));
    }
  }
}

/**
 * Fills the scores of the block's tokens with those before them, or `back` with
 * those after.
 */
export function blockScores(scores: usize, back: bool): void {
  const decays = back ? decaysBack : decaysForward;
  const step = back ? -headStride : headStride;
  let s10 = f32x4.splat(0),
    s20 = s10,
    s21 = s10,
    s30 = s10,
    s31 = s10,
    s32 = s10;
  let c0 = firstRow(back);
  const end = c0 + headStride;
  do {
    const c1 = c0 + step, c2 = c1 + step, c3 = c2 + step;
    const e1 = v128.load(decays + c1);
    const e2 = v128.load(decays + c2);
    const e3 = v128.load(decays + c3);
    let k0 = f32x4.mul(v128.load(k + c0), e1);
    s10 = multiplyAdd(v128.load(q + c1), k0, s10);
    k0 = f32x4.mul(k0, e2);
    let k1 = f32x4.mul(v128.load(k + c1), e2);
    const q2 = v128.load(q + c2), q3 = v128.load(q + c3);
    s20 = multiplyAdd(q2, k0, s20);
    s21 = multiplyAdd(q2, k1, s21);
    k0 = f32x4.mul(k0, e3);
    k1 = f32x4.mul(k1, e3);
    const k2 = f32x4.mul(v128.load(k + c2), e3);
    s30 = multiplyAdd(q3, k0, s30);
    s31 = multiplyAdd(q3, k1, s31);
    s32 = multiplyAdd(q3, k2, s32);
    c0 += 16;
  } while (c0 < end);
  const sums = sums4(s10, s20, s21, s30);
  const down = back ? -row : row, right: usize = back ? -4 : 4;
  const r1 = scores + firstPair(back) + down, r2 = r1 + down, r3 = r2 + down;
  store<f32>(r1, f32x4.extract_lane(sums, 0));
  store<f32>(r2, f32x4.extract_lane(sums, 1));
  store<f32>(r2 + right, f32x4.extract_lane(sums, 2));
  store<f32>(r3, f32x4.extract_lane(sums, 3));
  store<f32>(r3 + right, sum4(s31));
  store<f32>(r3 + 2 * right, sum4(s32));
}

/** Offset in bytes of the row of token 0 in a matrix of rows. */
function firstRow(back: bool): usize {
  return (back ? token + BLOCK - 1 : token) * headStride;
}

/** Offset in bytes of the score of token 0 with itself in a matrix of scores. */
function firstPair(back: bool): usize {
  const i = back ? token + BLOCK - 1 : token;
  return i * row + (<usize> i << 2);
}

/**
 * Adds to dq, dk and the gradients in log decays, `decayGradients`, what comes from the
 * gradients in {@link blockScores}, `products`. A log decay is in the exponents of
 * all pairs that its token lies between.
 */
export function blockGradients(
  products: usize, dq: usize, dk: usize, decayGradients: usize, back: bool
): void {
  const down = back ? -row : row, right: usize = back ? -4 : 4;
  const r1 = products + firstPair(back) + down, r2 = r1 + down, r3 = r2 + down;
  const w10 = v128.load32_splat(r1);
  const w20 = v128.load32_splat(r2), w21 = v128.load32_splat(r2 + right);
  const w30 = v128.load32_splat(r3), w31 = v128.load32_splat(r3 + right);
  const w32 = v128.load32_splat(r3 + 2 * right);
  const decays = back ? decaysBack : decaysForward;
  const step = back ? -headStride : headStride;
  let c0 = firstRow(back);
  const end = c0 + headStride;
  do {
    const c1 = c0 + step, c2 = c1 + step, c3 = c2 + step;
    const e1 = v128.load(decays + c1);
    const e2 = v128.load(decays + c2);
    const e3 = v128.load(decays + c3);
    const k0 = f32x4.mul(v128.load(k + c0), e1), k1 = v128.load(k + c1);
    const k2 = v128.load(k + c2);
    const dq1 = f32x4.mul(w10, k0);
    const dq2 = f32x4.mul(e2, multiplyAdd(w20, k0, f32x4.mul(w21, k1)));
    // The gradient in token 3's query: the part decayed by token 2 (far3),
    // and all of it.
    const far3 = f32x4.mul(e2, multiplyAdd(w30, k0, f32x4.mul(w31, k1)));
    const dq3 = f32x4.mul(e3, multiplyAdd(w32, k2, far3));
    const q1 = v128.load(q + c1), q2 = v128.load(q + c2);
    const q3 = v128.load(q + c3), q3e3 = f32x4.mul(q3, e3);
    const dk2 = f32x4.mul(w32, q3e3);
    const dk1 = f32x4.mul(e2, multiplyAdd(w21, q2, f32x4.mul(w31, q3e3)));
    const past0 = f32x4.mul(e2, multiplyAdd(w20, q2, f32x4.mul(w30, q3e3)));
    const dk0 = f32x4.mul(e1, multiplyAdd(w10, q1, past0));
    add(dq + c1, dq1);
    add(dq + c2, dq2);
    add(dq + c3, dq3);
    add(dk + c0, dk0);
    add(dk + c1, dk1);
    add(dk + c2, dk2);
    add(decayGradients + c1, f32x4.mul(v128.load(k + c0), dk0));
    add(decayGradients + c2, multiplyAdd(q2, dq2, f32x4.mul(q3e3, far3)));
    add(decayGradients + c3, f32x4.mul(q3, dq3));
    c0 += 16;
  } while (c0 < end);
}

// @ts-ignore: decorator
@inline
function add(target: usize, x: v128): void {
  v128.store(target, f32x4.add(v128.load(target), x));
}
