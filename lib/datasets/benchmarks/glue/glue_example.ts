/** A GLUE example. */
export interface GlueExample {
  /** The example's text, or its pair of texts. */
  readonly texts: readonly [string] | readonly [string, string];
  /**
   * The example's class, an index in the task's `classes`; for STS-B its similarity, from
   * 0 to 5, rounded to float32. `undefined` if the file has none, as for
   * testing.
   */
  readonly label: number | undefined;
}

/** The texts of an example, of the values of its columns. */
export function textsOf(
  [first, second]: readonly string[],
): GlueExample["texts"] {
  return second === undefined ? [first!] : [first!, second];
}
