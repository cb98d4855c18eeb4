// States at the borders of a part of a sequence: in tensors they are
// `[headDim, valueDim + 1]`, the last column for the normaliser; the forward
// pass keeps that column separately, as a row after the others.
import * as sizes from "./sizes";
import { at, put } from "../../../../tfjs/wasm/assembly/math/matrix";

/** The address of a sequence's state in a tensor. */
function borderOf(tensor: usize, sequence: i32): usize {
  return tensor + <usize> (sequence * sizes.headDim) * (sizes.valueBytes + 4);
}

/** Copies a sequence's state from a tensor. */
export function loadBorderState(
  tensor: usize, sequence: i32, state: usize
): void {
  let from = borderOf(tensor, sequence), to = state;
  const keySum = state + sizes.headDim * sizes.valueStride;
  for (let n = 0; n < sizes.headDim; n++) {
    memory.copy(to, from, sizes.valueBytes);
    memory.fill(to + sizes.valueBytes, 0, sizes.valueStride - sizes.valueBytes);
    put(keySum, n, at(from, sizes.valueDim));
    from += sizes.valueBytes + 4;
    to += sizes.valueStride;
  }
  memory.fill(keySum + sizes.headBytes, 0, sizes.headStride - sizes.headBytes);
}

/** Copies a sequence's state to a tensor. */
export function storeBorderState(
  state: usize, tensor: usize, sequence: i32
): void {
  let from = state, to = borderOf(tensor, sequence);
  const keySum = state + sizes.headDim * sizes.valueStride;
  for (let n = 0; n < sizes.headDim; n++) {
    memory.copy(to, from, sizes.valueBytes);
    put(to, sizes.valueDim, at(keySum, n));
    from += sizes.valueStride;
    to += sizes.valueBytes + 4;
  }
}
