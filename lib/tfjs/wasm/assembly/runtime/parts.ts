// The division of a job into tasks.

/**
 * The number of tasks of at most `each` items for `count` items, which may be
 * bytes, up to 2^32.
 */
export function parts(count: u32, each: u32): i32 {
  return count === 0 ? 0 : <i32> ((count - 1) / each + 1);
}

/**
 * The number of {@link parts} in the second phase, for a job whose first phase
 * has no tasks.
 */
export function partsAtOnce(phase: i32, count: u32, each: u32): i32 {
  return phase === 0 ? 0 : parts(count, each);
}

/**
 * Tasks of rows: at once, or in the first phase for a gradient, whose sums over all
 * rows the second phase adds up.
 */
export function rowTasks(
  phase: i32, rows: i32, rowsPerTask: i32, isGradient: bool
): i32 {
  const first = !isGradient ? 1 : 0;
  if (phase === first) return parts(rows, rowsPerTask);
  return isGradient ? 1 : 0;
}
