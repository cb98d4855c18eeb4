/** Runs of models that are recorded and replayed while the models stay as they are. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { SymbolicTensor } from "@tensorflow/tfjs-layers";
import { type Place, ReplayedRuns } from "../tfjs/record/runs.ts";
import { WatchedState } from "./watched_state.ts";
import { LionLayer } from "../layers/lion_layer.ts";

/** Whether a property refers to an object that a run may read, and that may change. */
function follows(owner: object, name: string, value: object): boolean {
  // `outboundNodes` grows when other layers are built on a layer;
  // `_addedWeightNames` serves building alone.
  if (name === "outboundNodes" || name === "_addedWeightNames") return false;
  // A LION layer's `parameters` only say how weights are made and saved.
  if (name === "parameters" && owner instanceof LionLayer) return false;
  // The graph of a model stays as it is.
  const isNode = "outboundLayer" in value && "inboundLayers" in value;
  return !isNode && !(value instanceof SymbolicTensor);
}

/** After this many states without a replay, properties are taken to change each time. */
const MOST_STATES = 4;

/** Options of {@linkcode ReplayedModel}. */
export interface ReplayedModelOptions {
  /** The models, and what else a run depends on. */
  readonly of: readonly object[];
  /** The name of a run in messages, such as "step of train". */
  readonly unit: string;
  /** The end of a message: advice for a run that changes. @default none */
  readonly advice?: string | undefined;
  /**
   * Whether a run can be replayed now; called again whenever a watched object
   * has changed.
   */
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
  /** The number of the state for which `isFit` was called last, and its answer. */
  #asked: number | undefined;
  #isFit = false;
  #wasUnfit = false;
  /** How many different states the watched objects have had. */
  #states = 0;

  /** Starts without recordings. */
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
   * @param kind A text of all that the run depends on besides the models, the
   * inputs' shapes and the values of tensors.
   * @param run Returns tensors of its own.
   */
  run(
    kind: string,
    inputs: readonly tf.Tensor[],
    run: () => tf.Tensor[],
    place?: Place,
  ): tf.Tensor[] {
    if (!this.#hasRun) {
      // The first run is not recorded, since a kind of run, such as one
      // token, is often the only one.
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
