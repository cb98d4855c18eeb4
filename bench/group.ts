/** What is measured side by side, and how a backend is made ready for it. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { type BackendInfo, type BackendName, useBackend } from "@lionjs/lion";
import {
  readTensors,
  timeTensors,
  type Usage,
  usageOf,
} from "./measure/tensors.ts";
import type { Candidate } from "./measure/timing.ts";

/** What a computation costs on paper. */
export interface Cost {
  /** Multiplications and additions. */
  readonly operations: number;
  /** Bytes read and written at the least. */
  readonly bytes: number;
  /** Bytes alive at once, as planned. */
  readonly peakBytes?: number;
}

/** A candidate and what is known of it beside its time. */
export interface Contender extends Candidate {
  readonly cost?: Cost;
  /** How it runs: the kernel, or the reason that there is none. */
  readonly how?: string;
  /** Whether it is of others: if its result is wrong, ours are not. @default false */
  readonly isPeer?: boolean;
  /** Computes once: the output, and any gradients after it. */
  results?(): Promise<Float32Array[]>;
  /** Runs it once more and says what it took. */
  usage?(): Promise<Usage>;
}

/** Contenders with their inputs in place. */
export interface OpenGroup {
  readonly contenders: readonly Contender[];
  /** The contender that the others are compared with. */
  readonly baseline: string;
  /** Frees the inputs. */
  close(): Promise<void>;
}

/** Contenders that are in place; the first of them is the baseline. */
export function groupOf(
  contenders: readonly Contender[],
  close: () => Promise<void> | void = () => {},
): OpenGroup {
  const [first] = contenders;
  return {
    ...{ contenders, baseline: first!.name },
    close: async () => await close(),
  };
}

/** Runs some work, perhaps with other kernels than usual. */
export type Within = <Result>(work: () => Promise<Result>) => Promise<Result>;

/** Says what is wrong with what is computed, as often as it asks for it; `null` if nothing is. */
export type Check = (
  compute: () => Promise<Float32Array[]>,
) => Promise<string | null>;

/** A check of results that are computed once. */
export function once(
  check: (results: Float32Array[]) => string | null,
): Check {
  return async (compute) => check(await compute());
}

/** A contender that computes tensors, of which the last is what is waited for. */
export function tensorContender(
  name: string,
  compute: () => tf.Tensor[],
  check: Check,
  { within = (work) => work(), ...known }:
    & Pick<Contender, "cost" | "how">
    & { readonly within?: Within } = {},
): Contender {
  const results = () => within(() => readTensors(compute));
  return {
    ...{ name, results, ...known },
    check: () => check(results),
    run: () => within(() => timeTensors(compute)),
    usage: () => within(() => usageOf(compute)),
  };
}

/** Contenders that compute the same, on one backend and in other libraries. */
export interface Group {
  /** Prepares the inputs. */
  open(): Promise<OpenGroup>;
}

/** Starts a backend, wasm with so many threads. */
export async function startBackend(
  name: BackendName,
  threads: number,
): Promise<BackendInfo> {
  return await useBackend({ prefer: [name], threads });
}
