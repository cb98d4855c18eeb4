/**
 * Runs calls that change the backend one after another, without any waiting forever:
 * foreign work, such as a caller's function or the fetch of a file, may never end.
 *
 * @module
 */

/**
 * Milliseconds for which a call that waits for foreign work keeps the next one
 * waiting.
 */
const PATIENCE = 5_000;

/** The most milliseconds of a wait for the system, such as for an adapter. */
const LIMIT = 20_000;

/** The turn of the last call. */
let last: Turn | undefined;

/**
 * Runs a function once the previous call has ended, or waits too long.
 *
 * @param caller The name of the function that is called, for messages.
 */
export async function inTurn<Result>(
  caller: string,
  run: (turn: Turn) => Promise<Result>,
): Promise<Result> {
  const before = last;
  const turn = last = new Turn(caller);
  try {
    await before?.isPassed();
    return await run(turn);
  } finally {
    turn.end();
  }
}

/** The time in which a call has the backend to itself. */
export class Turn {
  /** The error if a later call has begun meanwhile; this one must then change nothing. */
  overtaken: Error | undefined;
  readonly #caller: string;
  #hasEnded = false;
  /** The name of the foreign work that this call has waited too long for. */
  #awaited: string | undefined;
  /** Rejects the wait for foreign work. */
  #stop: (reason: Error) => void = () => {};
  /** Tells the next call to check again whether it may begin. */
  #wake: () => void = () => {};

  constructor(caller: string) {
    this.#caller = caller;
  }

  /**
   * Waits for foreign work. If that takes long, another call may begin, and this one
   * then throws; otherwise nothing has changed meanwhile.
   *
   * @param what A description of the work, for messages.
   * @throws {Error} As soon as a later call has begun.
   */
  async outside<Result>(
    what: string,
    answer: Promise<Result>,
  ): Promise<Result> {
    const stopped = new Promise<never>((_, reject) => this.#stop = reject);
    const timer = setTimeout(() => {
      this.#awaited = what;
      this.#wake();
    }, PATIENCE);
    try {
      const result = await Promise.race([answer, stopped]);
      // The work may have ended just as a later call began.
      if (this.overtaken) throw this.overtaken;
      return result;
    } finally {
      clearTimeout(timer);
      this.#awaited = undefined;
    }
  }

  /** Lets the next call begin. */
  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  /** Waits until the next call, which is the only one to ask, may begin. */
  async isPassed(): Promise<void> {
    while (!this.#hasEnded && this.#awaited === undefined) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    if (this.#hasEnded) return;
    const seconds = PATIENCE / 1000;
    this.overtaken = new Error(
      `${this.#caller}() had no answer from ${this.#awaited} for ${seconds} s when ` +
        "a later call began, which wins; call it again to use what this " +
        "call asked for",
    );
    this.#stop(this.overtaken);
  }
}

/**
 * Waits for an answer of the system; taking too long is an error.
 *
 * @param what A description of what should answer, for messages.
 * @param answer The answer.
 * @param release Releases an answer that arrives too late.
 */
export async function answered<Result>(
  what: string,
  answer: Promise<Result>,
  release: (late: Result) => void = () => {},
): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      answer.then(release, () => {});
      reject(new Error(`${what} did not answer within ${LIMIT / 1000} s`));
    }, LIMIT);
  });
  try {
    return await Promise.race([answer, limit]);
  } finally {
    clearTimeout(timer);
  }
}
