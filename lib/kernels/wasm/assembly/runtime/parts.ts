// How a job is divided into tasks.

/** Tasks that have so many things each, of `count` together. */
export function parts(count: i32, each: i32): i32 {
  return (count + each - 1) / each;
}

/** The same of a job with one phase of tasks, which is the second. */
export function partsAtOnce(phase: i32, count: i32, each: i32): i32 {
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
