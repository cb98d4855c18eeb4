/** Libraries beside ours that compute attention in this process. @module */
import type { BackendName } from "@lionjs/lion";
import type { AttentionProblem } from "../attention_problem.ts";
import type { Pass } from "../measure/tensors.ts";

/** Computes attention as ours does, and takes turns with it. */
export interface AttentionPeer {
  /** The contender's name. */
  readonly name: string;
  /** Ours that runs on the same part of the machine. */
  readonly beside: BackendName;
  /** Brings a problem to where it computes; once at a time. */
  prepare(problem: AttentionProblem, pass: Pass): Promise<PreparedPeer>;
}

/** A peer with its inputs in place. */
export interface PreparedPeer {
  /** Computes once, and returns when it is done. */
  run(): Promise<void>;
  /** Computes once: the output, and any gradients after it, laid out as the problem is. */
  results(): Promise<Float32Array[]>;
  /** Frees the inputs. */
  release(): Promise<void>;
}
