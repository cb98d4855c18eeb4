/** What the panel of long sequences asks of its worker. @module */

/** A sequence that was read in both directions. */
export interface Reading {
  readonly milliseconds: number;
  /** Rows of the output that were compared with the formula. */
  readonly checked: number;
  /** Their largest difference from it, as a part of the largest value. */
  readonly difference: number;
}

/** A length, and the time that it takes. */
export interface Point {
  readonly length: number;
  readonly milliseconds: number;
}

/** The worker's functions. */
export interface MillionCalls {
  /** Reads a sequence; what of it is done, 0 to 1, goes to the port. */
  readLong(length: number, port: MessagePort): Promise<Reading>;
  /** Softmax attention at short lengths, none above the given one. */
  timeSoftmax(longest: number): Promise<Point[]>;
}
