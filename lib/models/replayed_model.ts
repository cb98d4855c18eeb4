/** Runs of models that are recorded and replayed while the models stay as they are. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { SymbolicTensor } from "@tensorflow/tfjs-layers";
import { type Place, ReplayedRuns } from "../tfjs/record/replayed_runs.ts";
import { WatchedState } from "./watched_state.ts";
import { LionLayer } from "../layers/lion_layer.ts";

/** Whether a run may read what a property refers to, and that may change. */
function follows(owner: object, name: string, value: object): boolean {
  // These grow where other layers are built on a layer, or are only built with.
  if (name === "outboundNodes" || name === "_addedWeightNames") return false;
  // These say how weights are made and saved.
  if (name === "parameters" && owner instanceof LionLayer) return false;
  // The graph of a model stays as it is.
  const isNode = "outboundLayer" in value && "inboundLayers" in value;
  return !isNode && !(value instanceof SymbolicTensor);
}

/** States after which properties change each time, if nothing was replayed. */
const MOST_STATES = 4;

/** How runs of models are replayed. */
export interface ReplayedModelOptions {
  /** The models, and what else a run depends on. */
  readonly of: readonly object[];
  /** What a run is, such as "step of train", for messages. */
  readonly unit: string;
  /** What to do if it changes, as the end of a message. @default nothing */
  readonly advice?: string | undefined;
  /** Whether a run can be replayed, as all of this now is; asked again if any of it changes. */
  readonly isFit: () => boolean;
}

/**
 * Runs a function of models again and again, and replays it. Where a property of a model,
 * its layers or its weights has changed, the run is recorded anew.
 */
export class ReplayedModel {
  readonly #runs: ReplayedRuns;
  readonly #options: ReplayedModelOptions;
  #hasRun = false;
  #state: WatchedState | undefined;
  /** The state that was asked about last, and the answer. */
  #asked: number | undefined;
  #isFit = false;
  #wasUnfit = false;
  /** How many states there were. */
  #states = 0;

  /** Begins without recordings. */
  constructor(options: ReplayedModelOptions) {
    this.#options = options;
    this.#runs = new ReplayedRuns(options.unit, options.advice);
  }

  /** How many runs were replays. */
  get replays(): number {
    return this.#runs.replays;
  }

  /** Why some runs are not replayed, in words that follow "it". */
  get refusal(): string | undefined {
    const { refusal, replays } = this.#runs;
    if (refusal !== undefined) return refusal;
    if (this.#wasUnfit) return "runs code that is not the library's";
    return replays === 0 && this.#states > MOST_STATES
      ? "has properties that change each time"
      : undefined;
  }

  /**
   * Runs a function, or replays it. Call it in `tf.tidy`.
   *
   * @param kind What the run depends on besides the models, the inputs' shapes and the
   * values of tensors.
   * @param run Returns tensors of its own.
   */
  run(
    kind: string,
    inputs: readonly tf.Tensor[],
    run: () => tf.Tensor[],
    place?: Place,
  ): tf.Tensor[] {
    if (!this.#hasRun) {
      // A first run is not recorded, and often there is no other: a token of a text.
      this.#hasRun = true;
      return this.#runs.run(`0; ${kind}`, inputs, run, place);
    }
    this.#state ??= new WatchedState({ roots: this.#options.of, follows });
    const { number } = this.#state;
    if (number !== this.#asked) {
      this.#asked = number;
      this.#states++;
      this.#isFit = this.#options.isFit();
      this.#wasUnfit ||= !this.#isFit;
    }
    if (!this.#isFit) return run();
    return this.#runs.run(`${number}; ${kind}`, inputs, run, place);
  }

  /** Disposes of all recordings. */
  dispose(): void {
    this.#runs.dispose();
  }
}
