/** The search for a learning rate, by short trainings. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  accuracy,
  crossEntropy,
  DivergenceError,
  train,
} from "@lionjs/lion/training";
import { writeOutput } from "../out_folder.ts";
import type { OwnOptions } from "./own_options.ts";
import type { OwnTask } from "./own_task.ts";

/** A rate with which training diverges. */
export class RateError extends Error {}

/** The rates from which one is chosen: each about three times the one before. */
const RATES = [3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1];

/** The rates that are tried in any case: places in {@linkcode RATES}. */
const [FIRST, LAST] = [2, 4];

/** The share of the steps that a try takes, and how many it takes at least. */
const [SHARE, LEAST] = [0.1, 30];

/** What a short training with a rate has reached. */
export interface TriedRate {
  readonly rate: number;
  /** The loss of the validation part; `null` if the training diverged. */
  readonly loss: number | null;
  readonly accuracy: number;
}

/**
 * Tries rates until the best one has a worse one on each side, or there is none
 * beside it.
 *
 * @param attempt Tries a rate.
 * @param told Is called with what has been tried, after each.
 * @returns What was tried, from the lowest rate on.
 */
export async function tryRates(
  attempt: (rate: number) => Promise<TriedRate>,
  told: (tried: readonly TriedRate[]) => void | Promise<void> = () => {},
): Promise<TriedRate[]> {
  let tried: TriedRate[] = [];
  let [first, last] = [FIRST, LAST];
  for (;;) {
    const rate = RATES.slice(first, last + 1)
      .find((rate) => tried.every((one) => one.rate !== rate));
    if (rate === undefined) {
      const best = RATES.indexOf(bestOf(tried)?.rate ?? RATES[first]!);
      if (best === first && first > 0) first--;
      else if (best === last && last < RATES.length - 1) last++;
      else return tried;
      continue;
    }
    tried = [...tried, await attempt(rate)].sort((a, b) => a.rate - b.rate);
    await told(tried);
  }
}

/** The rate with the lowest loss; `undefined` if all have diverged. */
export function bestOf(tried: readonly TriedRate[]): TriedRate | undefined {
  const lossOf = ({ loss }: TriedRate) => loss ?? Infinity;
  const [best] = tried.toSorted((a, b) => lossOf(a) - lossOf(b));
  return best && best.loss !== null ? best : undefined;
}

/**
 * Finds the rate of a training: tells what it tries, and keeps it in the output
 * folder, from where a search that was stopped goes on.
 *
 * @returns The rate; `undefined` if the signal has stopped the search.
 * @throws {RateError} If the training diverges with each of them.
 */
export async function searchRate(
  task: OwnTask,
  options: OwnOptions,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { output, epochs = task.epochs, seed } = options;
  const all = Math.round(epochs * task.train.stepsPerEpoch);
  const steps = Math.min(all, Math.max(LEAST, Math.round(SHARE * all)));
  const file = `${output}/rates.json`;
  const { output: _, backend: __, ...said } = options;
  const of = { ...said, sizes: task.sizes, steps };
  const known = await triedBefore(file, of);
  const { model } = task;
  const initial = tf.tidy(() => model.getWeights().map((w) => tf.clone(w)));
  const attempt = async (rate: number): Promise<TriedRate> => {
    const before = known.find((one) => one.rate === rate);
    if (before) return before;
    model.setWeights(initial);
    try {
      const { evaluation, aborted } = await train(model, task.train, {
        ...{ steps, seed, signal },
        loss: crossEntropy({ labelSmoothing: 0.1 }),
        optimizer: { learningRate: rate, weightDecay: 0.05 },
        evaluate: {
          data: task.validation,
          metrics: { accuracy: accuracy() },
          every: steps,
        },
      });
      if (aborted) throw new Stopped();
      const { loss, accuracy: share } = evaluation;
      return { rate, loss: loss!, accuracy: share! };
    } catch (error) {
      if (!(error instanceof DivergenceError)) throw error;
      return { rate, loss: null, accuracy: 0 };
    }
  };
  console.log(`rates, each tried for ${steps} of ${all} steps:`);
  try {
    const tried = await tryRates(attempt, async (tried) => {
      await writeOutput(file, `${JSON.stringify({ of, tried }, null, 1)}\n`);
    });
    const best = bestOf(tried);
    tried.forEach((one) => console.log(rowOf(one, one === best)));
    if (best) return best.rate;
  } catch (error) {
    if (error instanceof Stopped) return undefined;
    throw error;
  } finally {
    model.setWeights(initial);
    tf.dispose(initial);
  }
  throw new RateError(
    "--rate search should find a rate that learns, but the training diverges with each; are the data what they should be?",
  );
}

/** The signal has ended a try. */
class Stopped extends Error {}

function rowOf({ rate, loss, accuracy }: TriedRate, isBest: boolean): string {
  const reached = loss === null
    ? "diverges"
    : `loss ${loss.toFixed(4)}, accuracy ${(100 * accuracy).toFixed(1)} %`;
  return `  ${String(rate).padEnd(7)} ${reached}${isBest ? "  <- taken" : ""}`;
}

/** What an earlier search for the same training has tried. */
async function triedBefore(
  file: string,
  of: unknown,
): Promise<readonly TriedRate[]> {
  const text = await Deno.readTextFile(file).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return "{}";
    throw error;
  });
  try {
    const kept = JSON.parse(text);
    const isSame = JSON.stringify(kept.of) === JSON.stringify(of);
    return isSame ? kept.tried : [];
  } catch {
    return [];
  }
}
