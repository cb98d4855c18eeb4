/** What is measured side by side, and how a backend is made ready for it. @module */
import { type BackendInfo, type BackendName, useBackend } from "@lionjs/lion";
import type { Usage } from "../measure/tensors.ts";
import type { Candidate } from "../measure/timing.ts";

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
