/**
 * Runs that are recorded once for each shape of their inputs, and then replayed.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import { canRecord, recordRun } from "./recorder.ts";
import type { Recording } from "./replay.ts";

/** Recordings that are kept, at most. */
const MOST = 16;

/** Recordings of a kind that may become invalid before they are replayed, at most. */
const MOST_IN_VAIN = 8;

/** The first runs of a kind at which it is looked at again, and how often later. */
const FIRST_LOOKS: ReadonlySet<number> = new Set([8, 16, 32, 64, 128]);
const RUNS_BETWEEN_LOOKS = 256;

/** The record of the runs with inputs of some shapes. */
interface Known {
  recording?: Recording | undefined;
  /** Whether two runs, one after the other, were the same. */
  isSteady: boolean;
  /** Runs so far, replays too. */
  runs: number;
  /** The places of the first replay and of the last one since a run was looked at. */
  replayed?: readonly [first: number, last: number] | undefined;
  /** Recordings that became invalid before they were replayed. */
  inVain: number;
  /** The reason why these runs are not recorded any more. */
  refusal?: string | undefined;
}

/** The place of a run among all runs. */
export interface Place {
  /** The run's number, for messages. @default how many runs there were with this one */
  readonly number?: number | undefined;
  /** Whether the run may be the last one of all. @default false */
  readonly isLast?: boolean | undefined;
}

/**
 * Runs a function again and again. For each kind of inputs its first run is only run,
 * since it may make what later ones find, its second and third are recorded, and if
 * these were the same, the following ones are replayed. Some of them are looked at: they
 * run and are recorded again, to see that they are still the same. These are the 8th of
 * a kind, the 16th, 32nd, 64th, 128th and each 256th, and the last one of all.
 */
export class ReplayedRuns {
  /** How many runs were replays. */
  replays = 0;
  /** The runs by kind; the one used last is at the end. */
  readonly #known = new Map<string, Known>();
  readonly #unit: string;
  readonly #advice: string;
  #runs = 0;
  #hasWarned = false;

  /**
   * Begins without recordings.
   *
   * @param unit What a run is, such as "step of train", for messages.
   * @param advice What to do if it changes, as the end of a message. @default nothing
   */
  constructor(unit: string, advice = "") {
    this.#unit = unit;
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
    { number = this.#runs + 1, isLast = false }: Place = {},
  ): tf.Tensor[] {
    this.#runs++;
    if (!canRecord()) return run();
    const key = [kind, ...inputs.map(({ dtype, shape }) => `${dtype} ${shape}`)]
      .join("; ");
    const before = this.#known.get(key);
    const known = before ?? { isSteady: false, runs: 0, inVain: 0 };
    this.#known.delete(key);
    this.#known.set(key, known);
    this.#forgetOldest();
    known.runs++;
    if (!before) return run();
    if (known.recording?.isValid === false) this.#dropInvalid(known);
    const { recording, isSteady, runs } = known;
    const isLook = isLast || FIRST_LOOKS.has(runs) ||
      runs % RUNS_BETWEEN_LOOKS === 0;
    if (known.refusal !== undefined) return run();
    if (recording && isSteady && !isLook) {
      known.replayed = [known.replayed?.[0] ?? number, number];
      this.replays++;
      return recording.replay(inputs);
    }
    const recorded = recordRun(inputs, run);
    this.#compare(known, recorded.recording, number);
    return recorded.outputs;
  }

  /** Compares a run with the recording, and puts its own in the place of one that was not sure. */
  #compare(known: Known, recording: Recording, number: number): void {
    const { isSteady, replayed } = known;
    // Where other weights share data, other places of a run are one.
    const before = known.recording?.sharesLike(recording)
      ? known.recording
      : undefined;
    known.refusal = recording.refusal ?? before?.differenceFrom(recording);
    known.replayed = undefined;
    if (known.refusal !== undefined) {
      this.#drop(known);
      recording.dispose();
      if (replayed) this.#warnOfChange(known.refusal, replayed, number);
    } else if (before && isSteady) {
      // Launches may have been captured for the recording that was there.
      recording.dispose();
    } else {
      this.#drop(known);
      known.recording = recording;
      known.isSteady = before !== undefined;
    }
  }

  #dropInvalid(known: Known): void {
    if (known.isSteady) known.inVain = 0;
    else if (++known.inVain === MOST_IN_VAIN) {
      known.refusal = "finds other tensors or variables each time";
    }
    this.#drop(known);
  }

  #drop(known: Known): void {
    known.recording?.dispose();
    known.recording = undefined;
    known.isSteady = false;
    known.replayed = undefined;
  }

  #forgetOldest(): void {
    for (const [key, known] of this.#known) {
      if (this.#known.size <= MOST) return;
      this.#drop(known);
      this.#known.delete(key);
    }
  }

  /** Warns that a run has changed after it seemed to be the same each time. */
  #warnOfChange(
    difference: string,
    [first, last]: readonly [number, number],
    number: number,
  ): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    console.warn(
      `each ${this.#unit} from ${first} to ${last} was replayed as it had been before, but ` +
        `${number} shows that it ${difference}: what was computed from ${first} on may be ` +
        `wrong, and it is not replayed any more${this.#advice}`,
    );
  }

  /** Disposes of all recordings. */
  dispose(): void {
    for (const known of this.#known.values()) this.#drop(known);
    this.#known.clear();
  }
}
