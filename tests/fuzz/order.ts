/** What a run of the fuzzer is asked for, and what it says, between its processes. @module */
import type { BackendName } from "../../mod.ts";
import type { Failure } from "./run_case.ts";
import type { Errors } from "./target.ts";

/** A backend that cases run on. */
export interface Place {
  readonly backend: BackendName;
  /** Of wasm; 1 on the others. */
  readonly threads: number;
}

/** What a process is to do on a backend. */
export interface Order extends Place {
  /** Names of targets, with the seed that each begins with. */
  readonly seeds: Readonly<Record<string, number>>;
  /** The first seed that is none of its, for all targets. */
  readonly until?: number;
  /** How long it may take. */
  readonly milliseconds?: number;
  /** Of the smaller case of the seed, which is to be run instead. */
  readonly path?: string;
}

/** What the process says: a line of JSON each. */
export type Line =
  | { readonly said: "begins"; readonly target: string; readonly seed: number }
  | {
    readonly said: "ends";
    readonly target: string;
    readonly seed: number;
    readonly milliseconds: number;
    readonly errors: Errors;
    readonly failure?: Failure;
  };

/** A place in words, as in `wasm, 2 threads`. */
export function placeText({ backend, threads }: Place): string {
  if (backend !== "wasm") return backend;
  return `wasm, ${threads} ${threads === 1 ? "thread" : "threads"}`;
}
