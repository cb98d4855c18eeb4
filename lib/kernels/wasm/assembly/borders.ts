// States at the borders of a piece: as tensors, [headDim, valueDim + 1], the last
// column for the normaliser, and as the forward pass computes with them, which
// keeps that column apart, as a row.
import {
  headBytes,
  headDim,
  headStride,
  valueBytes,
  valueDim,
  valueStride,
} from "./attention";
import { at, put } from "./matrix";

/** A sequence's state in a tensor. */
function borderOf(tensor: usize, sequence: i32): usize {
  return tensor + <usize> (sequence * headDim) * (valueBytes + 4);
}

/** Copies a sequence's state from a tensor. */
export function loadState(tensor: usize, sequence: i32, state: usize): void {
  let from = borderOf(tensor, sequence), to = state;
  const keySum = state + headDim * valueStride;
  for (let n = 0; n < headDim; n++) {
    memory.copy(to, from, valueBytes);
    memory.fill(to + valueBytes, 0, valueStride - valueBytes);
    put(keySum, n, at(from, valueDim));
    from += valueBytes + 4;
    to += valueStride;
  }
  memory.fill(keySum + headBytes, 0, headStride - headBytes);
}

/** Copies a sequence's state to a tensor. */
export function storeState(state: usize, tensor: usize, sequence: i32): void {
  let from = state, to = borderOf(tensor, sequence);
  const keySum = state + headDim * valueStride;
  for (let n = 0; n < headDim; n++) {
    memory.copy(to, from, valueBytes);
    put(to, valueDim, at(keySum, n));
    from += valueStride;
    to += valueBytes + 4;
  }
}
