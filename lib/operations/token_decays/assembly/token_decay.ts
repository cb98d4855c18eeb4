// Log decays of heads, log σ(-x), of the logits of tokens, and their gradient.
import { tokenDecay as job } from "./records";
import { logSigmoid4 } from "../../../tfjs/wasm/assembly/math/activations";
import { at, put } from "../../../tfjs/wasm/assembly/math/matrix";
import {
  loadFirst, sigmoid4, storeFirst
} from "../../../tfjs/wasm/assembly/math/simd";
import { partsAtOnce } from "../../../tfjs/wasm/assembly/runtime/parts";

/** The tokens of a task. */
const BLOCK = 256;

export function tasks(phase: i32): i32 {
  return partsAtOnce(phase, job.batch * blocks() * BLOCK, BLOCK);
}

/** Blocks of a sequence's tokens. */
function blocks(): i32 {
  return (job.length + BLOCK - 1) / BLOCK;
}

export function perform(_phase: i32, task: i32): void {
  const sequence = task / blocks(), first = task % blocks() * BLOCK;
  const end = min(job.length, first + BLOCK), heads = job.heads;
  for (let head = 0; head < heads; head++) {
    const logits = sequence * job.length * heads + head;
    const decays = (sequence * heads + head) * job.length;
    for (let token = first; token < end; token += 4) {
      const count = min(end - token, 4);
      if (job.dy === 0) decay(count, token, logits, decays);
      else gradientOf(count, token, logits, decays);
    }
  }
}

/** The logits of up to four tokens of a head. */
function logitsOf(count: i32, token: i32, logits: i32): v128 {
  const heads = job.heads;
  let x = f32x4.splat(at(job.x, logits + token * heads));
  if (count > 1) x = f32x4.replace_lane(x, 1, at(job.x, logits + (token + 1) * heads));
  if (count > 2) x = f32x4.replace_lane(x, 2, at(job.x, logits + (token + 2) * heads));
  if (count > 3) x = f32x4.replace_lane(x, 3, at(job.x, logits + (token + 3) * heads));
  return x;
}

function decay(count: i32, token: i32, logits: i32, decays: i32): void {
  const x = logitsOf(count, token, logits);
  const y = job.y + (<usize> (decays + token) << 2);
  storeFirst(y, logSigmoid4(f32x4.neg(x)), count);
  const kept = job.kept - token;
  if (kept >= 0 && kept < count) put(y, kept, 0);
}

/** dx = -dy σ(x) */
function gradientOf(count: i32, token: i32, logits: i32, decays: i32): void {
  const x = logitsOf(count, token, logits), heads = job.heads;
  const dy = loadFirst(job.dy + (<usize> (decays + token) << 2), count);
  const dx = f32x4.neg(f32x4.mul(dy, sigmoid4(x)));
  const place = logits + token * heads;
  put(job.dx, place, f32x4.extract_lane(dx, 0));
  if (count > 1) put(job.dx, place + heads, f32x4.extract_lane(dx, 1));
  if (count > 2) put(job.dx, place + 2 * heads, f32x4.extract_lane(dx, 2));
  if (count > 3) put(job.dx, place + 3 * heads, f32x4.extract_lane(dx, 3));
  const kept = job.kept - token;
  if (kept >= 0 && kept < count) put(job.dx, place + kept * heads, 0);
}
