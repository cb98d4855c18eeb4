/**
 * Calls that change the backend, one after another, of which none waits for
 * ever: what is not ours, such as a function of the caller's or a file that is
 * fetched, may never answer.
 *
 * @module
 */

/**
 * Milliseconds for which a call that waits for what is not ours keeps the next
 * one waiting.
 */
const PATIENCE = 5_000;

/** Milliseconds that the system has to answer. */
const LIMIT = 20_000;

/** The last call. */
let last: Turn | undefined;

/** Runs when the call before has ended, or waits for too long. */
export async function inTurn<Result>(
  run: (turn: Turn) => Promise<Result>,
): Promise<Result> {
  const before = last;
  const turn = last = new Turn();
  try {
    await before?.isPassed();
    return await run(turn);
  } finally {
    turn.end();
  }
}

/** The time in which a call has the backend to itself. */
export class Turn {
  /** Why it has ended for a later one, if it has; it must change nothing then. */
  overtaken: Error | undefined;
  #hasEnded = false;
  /** What it waits for, once that is too long. */
  #awaited: string | undefined;
  /** Rejects what it waits for. */
  #stop: (reason: Error) => void = () => {};
  /** Tells the next call to look again. */
  #wake: () => void = () => {};

  /**
   * Waits for what is not ours. Another call may begin if that takes long, and
   * this one then throws; else nothing has changed meanwhile.
   *
   * @param what For messages.
   * @throws {Error} If a later call has begun, at once.
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
      // Both may have happened at once.
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
      `useBackend() had no answer from ${this.#awaited} for ${seconds} s when ` +
        "a later call began, which decides; call it again to use what this " +
        "call asked for",
    );
    this.#stop(this.overtaken);
  }
}

/**
 * What the system answers, which is an error if it takes too long.
 *
 * @param what For messages.
 * @param answer The answer.
 * @param release Gives back what comes too late.
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
