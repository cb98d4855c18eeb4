/** An example of GLUE. */
export interface GlueExample {
  /** Its text, or its pair of texts. */
  readonly texts: readonly [string] | readonly [string, string];
  /**
   * Its class, a place in the task's `classes`; for STS-B its similarity, from 0 to
   * 5 and rounded to float32. `undefined` where the file has none, as in tests.
   */
  readonly label: number | undefined;
}

/** The texts of an example, of the values of its columns. */
export function textsOf(
  [first, second]: readonly string[],
): GlueExample["texts"] {
  return second === undefined ? [first!] : [first!, second];
}
