// Whether matrix products use wide register tiles, of 16 columns. These are faster
// where the engine makes one instruction of 256 bits of two vectors, and slower
// elsewhere. The engine does not report which, so both are timed.
import { multiplyNarrow, multiplyWide } from "../math/gemm";
import { now } from "./queue";

/** Whether tiles are wide. */
export let wide: bool = false;

/** Selects wide or narrow tiles for all later products. */
export function useTiles(areWide: bool): void {
  wide = areWide;
}

/**
 * The timed product, [ROWS, SIDE] [SIDE, SIDE], and how often it is made in one
 * timing.
 */
const ROWS = 24, SIDE = 64, TIMES = 8;

/** Timings of each kind of tile; the least counts, as others were interrupted. */
const ROUNDS = 5;

/** Bytes that {@link wideAreFaster} needs. */
export function timingBytes(): usize {
  return (2 * ROWS + SIDE) * SIDE * 4;
}

/** Whether wide tiles are faster by more than a tenth, which is not chance. */
export function wideAreFaster(scratch: usize): bool {
  memory.fill(scratch, 0, timingBytes());
  let narrowTime = Infinity, wideTime = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    narrowTime = min(narrowTime, timeOf(false, scratch));
    wideTime = min(wideTime, timeOf(true, scratch));
  }
  return wideTime * 1.1 < narrowTime;
}

function timeOf(areWide: bool, a: usize): f64 {
  const stride: usize = SIDE * 4;
  const b = a + ROWS * stride, c = b + SIDE * stride;
  const start = now();
  for (let time = 0; time < TIMES; time++) {
    if (areWide) {
      multiplyWide(ROWS, SIDE, SIDE, a, stride, b, stride, c, stride, 0, 0, 0);
    } else {
      multiplyNarrow(
        ROWS, SIDE, SIDE, a, stride, b, stride, c, stride, 0, 0, 0
      );
    }
  }
  return now() - start;
}
