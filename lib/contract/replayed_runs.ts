/**
 * Runs that are recorded once for each shape of their inputs, and then replayed.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import { canRecord, type RecordedRun, recordRun } from "./recorded_run.ts";
import { warnOnce } from "./warn_once.ts";

/** Recordings that are kept, at most. */
const MOST = 16;

/** Replays after which a run is recorded again, to see that it is still the same. */
const REPLAYS_BETWEEN_CHECKS = 200;

/** What is known of the runs with inputs of some shapes. */
interface Known {
  recording?: RecordedRun | undefined;
  /** Whether two runs, one after the other, were the same. */
  isSteady: boolean;
  /** Replays since the last recording. */
  replays: number;
  /** Why these runs are not recorded any more. */
  refusal?: string | undefined;
}

/**
 * Runs a function again and again. For each kind of inputs its first run is only run,
 * since it may make what later ones find, its second and third are recorded, and if
 * these were the same, the following ones are replayed.
 */
export class ReplayedRuns {
  /** How many runs were replays. */
  replays = 0;
  /** The runs by kind; the one used last is at the end. */
  readonly #known = new Map<string, Known>();
  readonly #subject: string;
  readonly #advice: string;

  /**
   * Begins without recordings.
   *
   * @param advice What to do if it changes, as the end of a message. @default nothing
   */
  constructor(subject: string, advice = "") {
    this.#subject = subject;
    this.#advice = advice;
  }

  /** Why runs of some kind are not replayed, in words that follow "it". */
  get refusal(): string | undefined {
    for (const { refusal } of this.#known.values()) if (refusal) return refusal;
    return undefined;
  }

  /**
   * Runs a function, or replays it. Call it in `tf.tidy`.
   *
   * @param kind What the run depends on besides the inputs' shapes and the values of
   * tensors.
   * @param run Returns tensors of its own.
   */
  run(
    kind: string,
    inputs: readonly tf.Tensor[],
    run: () => tf.Tensor[],
  ): tf.Tensor[] {
    if (!canRecord()) return run();
    const key = [kind, ...inputs.map(({ dtype, shape }) => `${dtype} ${shape}`)]
      .join("; ");
    const known = this.#known.get(key);
    this.#known.delete(key);
    this.#known.set(key, known ?? { isSteady: false, replays: 0 });
    this.#forgetOldest();
    if (!known || known.refusal !== undefined) return run();
    if (known.recording?.isValid === false) this.#drop(known);
    const { recording, isSteady } = known;
    if (recording && isSteady && known.replays < REPLAYS_BETWEEN_CHECKS) {
      known.replays++;
      this.replays++;
      return recording.replay(inputs);
    }
    const recorded = recordRun(inputs, run);
    this.#compare(known, recorded.recording);
    return recorded.outputs;
  }

  /** Compares a recording with the one before, and puts it in its place. */
  #compare(known: Known, recording: RecordedRun): void {
    const { isSteady } = known;
    // Where other weights share data, other places of a run are one.
    const before = known.recording?.sharesLike(recording)
      ? known.recording
      : undefined;
    known.refusal = recording.refusal ?? before?.differenceFrom(recording);
    this.#drop(known);
    if (known.refusal !== undefined) {
      recording.dispose();
      if (isSteady) this.#warnOfChange(known.refusal);
      return;
    }
    known.recording = recording;
    known.isSteady = before !== undefined;
  }

  #drop(known: Known): void {
    known.recording?.dispose();
    known.recording = undefined;
    known.isSteady = false;
    known.replays = 0;
  }

  #forgetOldest(): void {
    for (const [key, known] of this.#known) {
      if (this.#known.size <= MOST) return;
      this.#drop(known);
      this.#known.delete(key);
    }
  }

  /** Warns that a run has changed after it seemed to be the same each time. */
  #warnOfChange(difference: string): void {
    warnOnce(
      `replay ${this.#subject}`,
      `${this.#subject} was replayed up to ${REPLAYS_BETWEEN_CHECKS} times as it had ` +
        `been, but now it ${difference}${this.#advice}`,
    );
  }

  /** Disposes of all recordings. */
  dispose(): void {
    for (const known of this.#known.values()) this.#drop(known);
    this.#known.clear();
  }
}
