// Random numbers from 0 to 1: Johannes Baagøe's generator Alea, a multiply-with-carry
// of three words, in integers. A task begins at the state that the host has computed.
import { uniform as job } from "./records";
import { queue } from "../../../tfjs/wasm/assembly/runtime/queue";
import { countProgress } from "../../../tfjs/wasm/assembly/runtime/progress";
import { partsAtOnce } from "../../../tfjs/wasm/assembly/runtime/parts";

/** Bytes of a state: three words, the oldest first, and the carry. */
const STATE: usize = 16;

const FACTOR: u64 = 2091639;
const UNIT: f32 = 2.3283064365386963e-10;

/** Bytes that hold the state of each task. */
export function extraBytes(): usize {
  return <usize> tasks(1) * STATE;
}

export function tasks(phase: i32): i32 {
  return partsAtOnce(phase, job.size, job.sizePerTask);
}

export function perform(_phase: i32, task: i32): void {
  const state = queue.extra + <usize> task * STATE;
  let a: u64 = load<u32>(state), b: u64 = load<u32>(state, 4);
  let c: u64 = load<u32>(state, 8), carry: u64 = load<u32>(state, 12);
  const first = task * job.sizePerTask;
  let y = job.y + (<usize> first << 2);
  let count = min(job.size - first, job.sizePerTask);
  for (; count >= 3; count -= 3) {
    const x = FACTOR * a + carry;
    a = x & 0xffffffff;
    const z = FACTOR * b + (x >> 32);
    b = z & 0xffffffff;
    const w = FACTOR * c + (z >> 32);
    c = w & 0xffffffff;
    carry = w >> 32;
    store<f32>(y, <f32> <u32> a * UNIT);
    store<f32>(y, <f32> <u32> b * UNIT, 4);
    store<f32>(y, <f32> <u32> c * UNIT, 8);
    y += 12;
  }
  for (; count > 0; count--) {
    const x = FACTOR * a + carry;
    a = b;
    b = c;
    c = x & 0xffffffff;
    carry = x >> 32;
    store<f32>(y, <f32> <u32> c * UNIT);
    y += 4;
  }
  countProgress();
}
