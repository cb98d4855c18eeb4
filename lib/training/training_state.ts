/** The state that each step of training changes, and its steps. @module */
import { assertBoolean, assertEpsilon, type Complete } from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import "@lionjs/tfjs/kernel";
import type { Batch } from "@lionjs/data/batches";
import { compileAhead } from "@lionjs/tfjs/record";
import { withDropoutSeed } from "../layers/randomness.ts";
import { ReplayedModel } from "../models/replayed_model.ts";
import {
  type AdamOptions,
  attributesOf,
  fitsInPlace,
  groupWeights,
  normOf,
  ownValues,
  ruleNumbers,
  update,
  updateInPlace,
  type WeightGroup,
} from "@lionjs/tfjs/optimizers";
import {
  type BestRecord,
  type BestSettings,
  BestWeights,
} from "./best_weights.ts";
import { divisorOf, meanLoss } from "./losses/loss.ts";
import type { LossFor } from "./distillation.ts";
import { asShare, countOf, outputOf, shareIn } from "./model_output.ts";
import type { Reducing, Share } from "./ranks.ts";
import { namesOfWeights } from "./weight_names.ts";

/** Settings of how a step changes the weights. */
export interface UpdateSettings {
  /** The options of Adam; each step has its own learning rate. */
  readonly adam: Complete<AdamOptions>;
  readonly decays: (name: string, shape: readonly number[]) => boolean;
  /** The factor of the learning rate for a weight; `undefined` if it is 1 for all. */
  readonly rateOf:
    | ((name: string, shape: readonly number[]) => number)
    | undefined;
  readonly clipNorm: number;
  /** The decay of the moving average of the weights; `undefined` for none. */
  readonly averageDecay: number | undefined;
  /** How the best weights are chosen; `undefined` if these are not kept. */
  readonly best: BestSettings | undefined;
  /**
   * Which steps are recorded, and replayed: all, or those in which all that is computed
   * is the library's own. @default none
   */
  readonly record?: "all" | "own" | undefined;
  /**
   * Whether all that a step computes now is the library's own, and so keeps nothing
   * from one run to the next. @default never
   */
  readonly isOwn?: (() => boolean) | undefined;
  /**
   * The objects besides the model on which a step depends: the loss, a teacher.
   * @default none
   */
  readonly others?: readonly object[] | undefined;
}

/**
 * Adam's moments and the moving average for a group of weights, as many tensors as the
 * group has.
 */
interface Moments {
  mean: tf.Tensor[];
  square: tf.Tensor[];
  average?: tf.Tensor[];
}

/** The complete state of training. */
export interface Snapshot {
  readonly steps: number;
  /** The names of the model's weights, in the model's order. */
  readonly weights: readonly string[];
  /**
   * The weights by name, and for each trainable weight Adam's moments and the
   * moving average, under its name with `mean/`, `square/` and `average/`
   * before it; the best weights, with `best/`, if these are kept.
   */
  readonly tensors: Map<string, tf.Tensor>;
  /** The evaluations so far, if the best weights are kept. */
  readonly best?: BestRecord | undefined;
}

/** A model in training: its weights, and the optimizer's tensors. */
export class TrainingState {
  steps = 0;
  /** The weights of the best evaluation; `undefined` if these are not kept. */
  readonly best: BestWeights | undefined;
  readonly #model: LayersModel;
  readonly #settings: UpdateSettings;
  /** The names of all weights, in the model's order. */
  readonly #names: ReadonlyMap<tf.Variable, string>;
  readonly #trainable: tf.Variable[];
  readonly #groups: readonly { group: WeightGroup; moments: Moments }[];
  /**
   * Sums over the batches since the last step: the loss, the number of labels,
   * and the gradients of the summed loss.
   */
  #sums: tf.Tensor[] | undefined;

  /**
   * The runs that add a batch's gradients to the sums; `undefined` unless they
   * may be replayed.
   */
  readonly #runs: ReplayedModel | undefined;

  constructor(model: LayersModel, settings: UpdateSettings) {
    this.#model = model;
    const { record, isOwn = () => false, others = [] } = settings;
    if (record) {
      this.#runs = new ReplayedModel({
        of: [model, ...others],
        unit: "step of train",
        advice: "; train again with record: false, which replays nothing",
        isFit: record === "all" ? () => true : isOwn,
      });
    }
    this.#settings = settings;
    this.#names = namesOfWeights(model);
    this.#trainable = model.trainableWeights.map((weight) =>
      weight.read() as tf.Variable
    );
    const decays = (weight: tf.Variable) => {
      const name = this.#names.get(weight)!;
      const decays = settings.decays(name, weight.shape);
      assertBoolean(`what decays returns for ${name}`, decays);
      return decays;
    };
    const rateOf = (weight: tf.Variable) => {
      const name = this.#names.get(weight)!;
      const rate = settings.rateOf?.(name, weight.shape) ?? 1;
      assertEpsilon(`what learningRateFactor returns for ${name}`, rate);
      return rate;
    };
    const groups = groupWeights(this.#trainable, decays, rateOf);
    this.#groups = groups.map((group) => ({ group, moments: {} as Moments }));
    // Keep all of the moments or, if memory runs out, none.
    tf.tidy(() => {
      for (const { group, moments } of this.#groups) {
        const values = group.values();
        moments.mean = values.map((value) => tf.zerosLike(value));
        moments.square = values.map((value) => tf.zerosLike(value));
        if (settings.averageDecay === undefined) continue;
        moments.average = values.map((value) => tf.clone(value));
      }
      const all = this.#groups.flatMap(({ moments }) => Object.values(moments));
      all.flat().forEach((moment: tf.Tensor) => tf.keep(moment));
    });
    this.best = settings.best && new BestWeights(settings.best, this.#names);
  }

  /** Throws if the model has been disposed of since training began. */
  assertModel(): void {
    if (!this.#trainable.some(({ isDisposed }) => isDisposed)) return;
    throw new TypeError(
      `model ${this.#model.name} should not be disposed of before its training has ended`,
    );
  }

  /**
   * The number of replayed batches, and why others were not, in words that
   * follow "it".
   */
  get replayed(): { readonly batches: number; readonly refusal?: string } {
    const { replays = 0, refusal } = this.#runs ?? {};
    return { batches: replays, ...refusal !== undefined && { refusal } };
  }

  /**
   * Compiles the shaders of a batch's gradients, and of their norm, before they
   * are computed. Code of a user's could notice that it runs once more, on
   * tensors without values.
   *
   * @param tell Is called with how many shaders of how many are compiled.
   */
  async compileAhead(
    batch: Batch,
    lossFor: LossFor,
    dropoutSeed: string,
    share: Share,
    tell: (done: number, total: number) => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (!this.#settings.isOwn?.() || share.rows?.count === 0) return;
    const run = () => {
      this.#scaled(
        this.#addedGradients(batch, lossFor, dropoutSeed, share, undefined),
      );
    };
    await compileAhead(run, tell, signal);
  }

  /**
   * Adds the gradients of a batch, or of a rank's share of it, to those of the next step.
   *
   * @param isLast Whether the next step is the last one.
   * @param taught The logits of a teacher for this share, if it was asked before.
   */
  addGradients(
    whole: Batch,
    lossFor: LossFor,
    dropoutSeed: string,
    share: Share = {},
    isLast = false,
    taught?: tf.Tensor,
  ): void {
    const before = this.#sums;
    const { rows } = share;
    for (const { group, moments } of this.#groups) {
      const { mean, square, average = [] } = moments;
      group.settle([[...mean, ...square], average]);
    }
    this.#sums = tf.tidy(() => {
      if (rows?.count === 0) return before ?? this.#noGradients();
      const lossOf: LossFor = (inputs) => lossFor(inputs, taught);
      const add = () =>
        this.#addedGradients(whole, lossOf, dropoutSeed, share, before);
      if (!this.#runs) return add();
      const { rank, size } = share.tokens ?? {};
      const kind = JSON.stringify([whole.size, rows, rank, size]);
      const inputs = [
        ...[...whole.inputs, whole.labels],
        ...[...taught ? [taught] : [], ...before ?? []],
      ];
      const place = { number: this.steps + 1, isLast };
      const run = () => this.#runs!.run(kind, inputs, add, place);
      return withDropoutSeed(dropoutSeed, run, rows);
    });
    if (this.#sums !== before) tf.dispose(before ?? []);
  }

  #addedGradients(
    whole: Batch,
    lossFor: LossFor,
    dropoutSeed: string,
    share: Share,
    before: readonly tf.Tensor[] | undefined,
  ): tf.Tensor[] {
    const batch = shareIn(this.#model, whole, share);
    const { inputs, labels } = batch;
    // The teacher runs outside `variableGrads`, since it has no gradients.
    const loss = asShare(share, () => lossFor(inputs));
    const count = countOf(loss, batch);
    const sum = () => {
      const predictions = outputOf(this.#model, inputs, { training: true });
      return tf.mul(meanLoss(loss, predictions, labels), count) as tf.Scalar;
    };
    const { value, grads } = tf.variableGrads(
      () => asShare(share, () => withDropoutSeed(dropoutSeed, sum, share.rows)),
      this.#trainable,
    );
    const added = (sum: tf.Tensor, i: number) =>
      before ? tf.add(before[i]!, sum) : sum;
    // Several weights, even of several groups, may have the same tensor as gradient.
    const lastGroup = new Map<tf.Tensor | undefined, WeightGroup>();
    for (const { group } of this.#groups) {
      for (const { name } of group.variables) {
        lastGroup.set(grads[name], group);
      }
    }
    /** Gradients that became sums without a copy, and so are not disposed of. */
    const taken = new Set<tf.Tensor>();
    let place = 2;
    const gradients = this.#groups.flatMap(({ group }) => {
      const sums = tf.tidy(() =>
        group.join(grads).map((sum) => added(sum, place++))
      );
      for (const sum of sums) taken.add(sum);
      for (const { name } of group.variables) {
        const gradient = grads[name];
        if (!gradient || taken.has(gradient)) continue;
        if (lastGroup.get(gradient) === group) gradient.dispose();
      }
      return sums;
    });
    return [...[value, count].map(added), ...gradients];
  }

  #noGradients(): tf.Tensor[] {
    const gradients = this.#groups.flatMap(({ moments }) =>
      moments.mean.map((mean) => tf.zerosLike(mean))
    );
    return [tf.scalar(0), tf.scalar(0), ...gradients];
  }

  /**
   * Reads this rank's sums, to be added to those of the other ranks.
   *
   * @param stops Whether this rank has been signalled to stop.
   */
  async ownSums(stops: boolean): Promise<Float32Array> {
    const values = await concatenatedValues(this.#sums!, 1);
    values[0] = Number(stops);
    return values;
  }

  /**
   * Adds up the sums of all ranks, in one message, so that each of them takes
   * the same step.
   *
   * @param values This rank's result of {@linkcode ownSums}.
   * @returns Whether any rank has been signalled to stop.
   */
  async addRanks(
    communicator: Reducing,
    values: Float32Array,
  ): Promise<boolean> {
    const own = this.#sums!;
    await communicator.allreduce(values);
    const [stopping] = values;
    this.#sums = splitValues(values, own, 1);
    tf.dispose(own);
    return stopping! > 0;
  }

  /** Replaces the state of each rank by that of rank 0. */
  async broadcast(communicator: Reducing): Promise<void> {
    const snapshot = this.snapshot();
    const { weights, tensors } = snapshot;
    let theirs: tf.Tensor[] = [];
    try {
      const own = [...tensors.values()];
      const values = await concatenatedValues(own, 0);
      await communicator.broadcast(values);
      const [steps] = await communicator.broadcast(Int32Array.of(this.steps));
      theirs = splitValues(values, own, 0);
      const named = [...tensors.keys()].map((name, i) =>
        [name, theirs[i]!] as const
      );
      await this.best?.broadcast(communicator);
      this.restore({
        steps: steps!,
        weights,
        tensors: new Map(named),
        best: this.best?.record,
      });
    } finally {
      tf.dispose([...tensors.values(), ...theirs]);
    }
  }

  /**
   * Takes a step with the accumulated gradients.
   *
   * @returns The mean loss and its gradient's norm before clipping, `[2]`.
   */
  step(learningRate: number): tf.Tensor {
    const sums = this.#sums!;
    this.#sums = undefined;
    this.steps++;
    try {
      return tf.tidy(() => {
        const { groups, factor, figures } = this.#scaled(sums);
        for (const { group, moments, gradients } of groups) {
          tf.tidy(() =>
            this.#update(group, moments, gradients, factor, learningRate)
          );
          // Of a large model, all gradients and all new weights would not fit. Where
          // weights change in place, there are no new ones, and others may have the
          // same gradient.
          if (!group.isSeparate) tf.dispose(gradients);
        }
        return figures;
      });
    } finally {
      tf.dispose(sums);
    }
  }

  /**
   * Each group's gradients in sums over batches, the factor by which they change the
   * weights, and the mean loss with the norm of its gradient, `[2]`.
   */
  #scaled(sums: readonly tf.Tensor[]) {
    const [loss, labels, ...gradients] = sums as [
      tf.Tensor,
      tf.Tensor,
      ...tf.Tensor[],
    ];
    // The count may be 0, if no label counts.
    const count = divisorOf(labels);
    let place = 0;
    const groups = this.#groups.map((group) => ({
      ...group,
      gradients: gradients.slice(place, place += group.moments.mean.length),
    }));
    const norms = normOf(groups.map(({ gradients }) => gradients));
    const norm = tf.div(norms, count);
    const clipping = tf.minimum(1, tf.div(this.#settings.clipNorm, norm));
    const factor = tf.div(clipping, count);
    const figures = tf.stack([tf.div(loss, count), norm]);
    return { groups, factor, figures };
  }

  /** Updates a group's weights by Adam, with their gradients times a factor. */
  #update(
    group: WeightGroup,
    moments: Moments,
    gradients: readonly tf.Tensor[],
    factor: tf.Tensor,
    learningRate: number,
  ): void {
    const { adam } = this.#settings;
    const options = {
      ...adam,
      learningRate: learningRate * group.rate,
      weightDecay: group.decays ? adam.weightDecay : 0,
    };
    const attributes = attributesOf(options, this.steps);
    if (group.isSeparate) {
      ownAll(moments.mean);
      ownAll(moments.square);
    }
    const weights = group.values().map((value, i) => ({
      ...{ value, gradient: gradients[i]! },
      states: [moments.mean[i]!, moments.square[i]!],
    }));
    if (group.isSeparate && fitsInPlace(weights)) {
      for (const { value } of weights) ownValues(value);
      updateInPlace("adam", weights, ruleNumbers(attributes), factor);
      return this.#average(group, moments, group.values());
    }
    const updated = weights.map(({ value, gradient, states: [mean, square] }) =>
      update({
        value,
        gradient: tf.mul(gradient, factor),
        ...{ mean: mean!, square: square! },
      }, attributes)
    );
    const values = updated.map(({ value }) => value);
    group.assign(values);
    replace(moments, {
      mean: updated.map(({ mean }) => mean),
      square: updated.map(({ square }) => square),
    });
    this.#average(group, moments, values);
  }

  #average(
    { isSeparate }: WeightGroup,
    moments: Moments,
    values: readonly tf.Tensor[],
  ): void {
    if (!moments.average) return;
    // The decay is small at first, so that the random initial weights are
    // soon forgotten.
    const most = (1 + this.steps) / (10 + this.steps);
    const decay = Math.min(this.#settings.averageDecay!, most);
    if (isSeparate) ownAll(moments.average);
    const weights = moments.average.map((value, i) => ({
      ...{ value, gradient: values[i]! },
      states: [],
    }));
    if (isSeparate && fitsInPlace(weights)) {
      const numbers = { step: 0, decay1: decay, rest1: 1 - decay };
      return updateInPlace("average", weights, numbers);
    }
    replace(moments, {
      average: weights.map(({ value, gradient }) =>
        tf.add(tf.mul(value, decay), tf.mul(gradient, 1 - decay))
      ),
    });
  }

  /** Puts the moving average of the weights into the model, if there is one. */
  useAverage(): void {
    for (const { group, moments } of this.#groups) {
      if (moments.average) group.assign(moments.average);
    }
  }

  /** Runs a function with the moving average of the weights in the model, if there is one. */
  async withAverage<T>(run: () => Promise<T>): Promise<T> {
    if (this.#settings.averageDecay === undefined) return await run();
    const own = tf.tidy(() =>
      this.#groups.map(({ group }) =>
        group.values().map((value) => tf.clone(value))
      )
    );
    try {
      this.useAverage();
      return await run();
    } finally {
      try {
        this.#groups.forEach(({ group }, i) => group.assign(own[i]!));
      } finally {
        tf.dispose(own);
      }
    }
  }

  /** Copies the complete state; the caller disposes of the tensors. */
  snapshot(): Snapshot {
    const tensors = tf.tidy(() => {
      const named: tf.NamedTensorMap = {};
      for (const [weight, name] of this.#names) named[name] = tf.clone(weight);
      for (const { group, moments } of this.#groups) {
        for (const [moment, tensors] of Object.entries(moments)) {
          group.split(tensors).forEach((part, i) => {
            const name = this.#names.get(group.variables[i]!);
            named[`${moment}/${name}`] = part;
          });
        }
      }
      return { ...named, ...this.best?.snapshot() };
    });
    return {
      steps: this.steps,
      weights: [...this.#names.values()],
      tensors: new Map(Object.entries(tensors)),
      ...(this.best && { best: this.best.record }),
    };
  }

  /** Restores a snapshot of a model of the same shape. */
  restore({ steps, weights, tensors, best }: Snapshot): void {
    this.steps = steps;
    if (best) this.best?.restore(best, weights, tensors);
    const own = [...this.#names.keys()];
    const names = new Map(own.map((weight, i) => [weight, weights[i]!]));
    for (const [weight, name] of names) weight.assign(tensors.get(name)!);
    for (const { group, moments } of this.#groups) {
      for (const moment of Object.keys(moments)) {
        const parts = group.variables.map((weight) =>
          [weight.name, tensors.get(`${moment}/${names.get(weight)}`)!] as const
        );
        const values = tf.tidy(() =>
          group.join(Object.fromEntries(parts)).map((part) => tf.clone(part))
        );
        replace(moments, { [moment]: values });
      }
    }
  }

  dispose(): void {
    tf.dispose(this.#sums ?? []);
    this.#runs?.dispose();
    this.best?.dispose();
    for (const { moments } of this.#groups) {
      tf.dispose(Object.values(moments).flat());
    }
  }
}

/** Concatenates the values of tensors, from index `first` of the result on. */
async function concatenatedValues(
  tensors: readonly tf.Tensor[],
  first: number,
): Promise<Float32Array> {
  const parts = await Promise.all(tensors.map((tensor) => tensor.data()));
  const all = new Float32Array(
    parts.reduce((sum, { length }) => sum + length, first),
  );
  let place = first;
  for (const part of parts) {
    all.set(part, place);
    place += part.length;
  }
  return all;
}

/** Splits concatenated values, from index `first` on, into tensors shaped like others. */
function splitValues(
  values: Float32Array,
  like: readonly tf.Tensor[],
  first: number,
): tf.Tensor[] {
  let place = first;
  return like.map(({ size, shape, dtype }) => {
    const own = values.slice(place, place += size);
    return tf.tensor(own, shape, dtype);
  });
}

/**
 * Replaces tensors, in place, by copies with memory of their own; all before
 * one that fails.
 */
function ownAll(tensors: tf.Tensor[]): void {
  tensors.forEach((tensor, i) => tensors[i] = ownValues(tensor));
}

function replace(moments: Moments, by: Partial<Moments>): void {
  for (const [moment, values] of Object.entries(by)) {
    const name = moment as keyof Moments;
    tf.dispose([...moments[name] ?? []]);
    moments[name] = values.map((value: tf.Tensor) => tf.keep(value));
  }
}
