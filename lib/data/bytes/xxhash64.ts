/** The checksum of zstd's frames. @module */
import { viewOf } from "../../base/byte_arrays.ts";

/** A 64-bit integer as its upper and its lower half. */
type Halves = Int32Array;

const halves = (upper: number, lower: number): Halves =>
  Int32Array.of(upper, lower);

const P1 = halves(0x9e3779b1, 0x85ebca87);
const P2 = halves(0xc2b2ae3d, 0x27d4eb4f);
const P3 = halves(0x165667b1, 0x9e3779f9);
const P4 = halves(0x85ebca77, 0xc2b2ae63);
const P5 = halves(0x27d4eb2f, 0x165667c5);

/** Bytes that are taken together, 8 for each of four lanes. */
const STRIPE = 32;

/**
 * The hash XXH64 with seed 0; zstd keeps its lower half.
 *
 * Source: Collet, xxHash's specification 0.1.1.
 */
export class XxHash64 {
  readonly #lanes: readonly Halves[] = [
    add(P1.slice(), P2),
    P2.slice(),
    halves(0, 0),
    subtract(halves(0, 0), P1),
  ];
  readonly #rest = new Uint8Array(STRIPE);
  #restLength = 0;
  #length = 0;

  update(bytes: Uint8Array): void {
    this.#length += bytes.length;
    let at = 0;
    if (this.#restLength > 0) {
      at = Math.min(bytes.length, STRIPE - this.#restLength);
      this.#rest.set(bytes.subarray(0, at), this.#restLength);
      this.#restLength += at;
      if (this.#restLength < STRIPE) return;
      this.#take(viewOf(this.#rest), 0);
      this.#restLength = 0;
    }
    const view = viewOf(bytes);
    for (; at + STRIPE <= bytes.length; at += STRIPE) this.#take(view, at);
    this.#rest.set(bytes.subarray(at));
    this.#restLength = bytes.length - at;
  }

  #take(view: DataView, at: number): void {
    for (const lane of this.#lanes) {
      mix(lane, view, at);
      at += 8;
    }
  }

  /** The lower half of the hash of all bytes so far. */
  lowerHalf(): number {
    let hash: Halves;
    if (this.#length < STRIPE) hash = P5.slice();
    else {
      hash = halves(0, 0);
      for (const [i, turns] of [1, 7, 12, 18].entries()) {
        add(hash, rotate(this.#lanes[i]!.slice(), turns));
      }
      for (const lane of this.#lanes) {
        const mixed = multiply(rotate(multiply(lane.slice(), P2), 31), P1);
        add(multiply(xor(hash, mixed), P1), P4);
      }
    }
    add(hash, halves(this.#length / 2 ** 32, this.#length >>> 0));
    const view = viewOf(this.#rest.subarray(0, this.#restLength));
    let at = 0;
    for (; at + 8 <= view.byteLength; at += 8) {
      const lane = halves(0, 0);
      mix(lane, view, at);
      add(multiply(rotate(xor(hash, lane), 27), P1), P4);
    }
    for (; at + 4 <= view.byteLength; at += 4) {
      const word = halves(0, view.getUint32(at, true));
      add(multiply(rotate(xor(hash, multiply(word, P1)), 23), P2), P3);
    }
    for (; at < view.byteLength; at++) {
      const byte = halves(0, view.getUint8(at));
      multiply(rotate(xor(hash, multiply(byte, P5)), 11), P1);
    }
    xor(hash, shifted(hash, 33));
    xor(multiply(hash, P2), shifted(hash, 29));
    xor(multiply(hash, P3), shifted(hash, 32));
    return hash[1]! >>> 0;
  }
}

/** Mixes 8 bytes into a lane. */
function mix(lane: Halves, view: DataView, at: number): void {
  WORD[0] = view.getInt32(at + 4, true);
  WORD[1] = view.getInt32(at, true);
  multiply(rotate(add(lane, multiply(WORD, P2)), 31), P1);
}

const WORD = halves(0, 0);

// Each changes its first argument, and returns it: nothing is allocated for
// every 8 bytes.

function add(a: Halves, b: Halves): Halves {
  const lower = (a[1]! >>> 0) + (b[1]! >>> 0);
  a[0] = a[0]! + b[0]! + (lower > 0xffffffff ? 1 : 0);
  a[1] = lower;
  return a;
}

function subtract(a: Halves, b: Halves): Halves {
  const lower = (a[1]! >>> 0) - (b[1]! >>> 0);
  a[0] = a[0]! - b[0]! - (lower < 0 ? 1 : 0);
  a[1] = lower;
  return a;
}

function xor(a: Halves, b: Halves): Halves {
  a[0]! ^= b[0]!;
  a[1]! ^= b[1]!;
  return a;
}

/** Rotates to the left, by 1 to 31. */
function rotate(a: Halves, turns: number): Halves {
  const upper = a[0]!, lower = a[1]!;
  a[0] = upper << turns | lower >>> (32 - turns);
  a[1] = lower << turns | upper >>> (32 - turns);
  return a;
}

/** Shifted to the right, by 29 to 33. */
function shifted(a: Halves, by: number): Halves {
  const upper = a[0]!, lower = a[1]!;
  return by >= 32
    ? halves(0, upper >>> (by - 32))
    : halves(upper >>> by, lower >>> by | upper << (32 - by));
}

/** Multiplies modulo 2^64, by products of halves of halves. */
function multiply(a: Halves, b: Halves): Halves {
  const upper = a[0]!, lower = a[1]!, other = b[1]!;
  const a1 = lower >>> 16, a0 = lower & 0xffff;
  const b1 = other >>> 16, b0 = other & 0xffff;
  const low = a0 * b0;
  const middle = a0 * b1 + a1 * b0 + (low >>> 16);
  a[1] = middle << 16 | low & 0xffff;
  a[0] = a1 * b1 + Math.floor(middle / 0x10000) + Math.imul(upper, other) +
    Math.imul(lower, b[0]!);
  return a;
}
