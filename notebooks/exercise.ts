/** What sliders and exercises are, in Jupyter and in the page. @module */

/** The range of a slider. */
export interface SliderOptions {
  readonly from: number;
  readonly to: number;
  /** @default 1 */
  readonly step?: number;
  /** Where it stands at first. */
  readonly value: number;
}

/** A question with one right answer. */
export interface Exercise {
  readonly question: string;
  /** What can be chosen; one of them is the answer. */
  readonly options: readonly string[];
  readonly answer: string;
  /** Why it is the answer. */
  readonly why: string;
}

/** Throws unless an answer can be chosen. */
export function assertAnswer(
  options: readonly string[],
  answer: string,
): void {
  if (options.includes(answer)) return;
  throw new RangeError(
    `answer should be one of ${options.join(", ")}, got ${answer}`,
  );
}
