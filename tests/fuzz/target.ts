/** What the fuzzer attacks, and what a case of it finds. @module */
import type fc from "fast-check";
import type { BackendName } from "../../mod.ts";

/** What targets are of; a share of the time each (`worker.ts`). */
export const KINDS = [
  "operations",
  "tensorflow",
  "programs",
  "streams",
  "files",
  "servers",
] as const;

/** A kind of target. */
export type Kind = typeof KINDS[number];

/** The largest relative error of each tensor that a case compared, by its name. */
export type Errors = Readonly<Record<string, number>>;

/** Something that has to hold for every case. */
export interface Target<Case = unknown> {
  /** One word, which `--only` takes. */
  readonly name: string;
  readonly kind: Kind;
  /** Its share of the time of its kind. @default 1 */
  readonly share?: number;
  /** Where it is tried. @default on all */
  readonly backends?: readonly BackendName[];
  /** Its cases: all that a case is follows from them, random numbers by their seeds. */
  cases(backend: BackendName): fc.Arbitrary<Case>;
  /** What all cases stand on, once a process. */
  prepare?(): Promise<void>;
  /**
   * Tries a case on the current backend, and frees all that it makes.
   *
   * @throws {Error} What is wrong, if anything is.
   */
  run(tried: Case, backend: BackendName): Promise<Errors>;
}

/** A target, whatever its cases are. */
// deno-lint-ignore no-explicit-any -- only the target itself knows its cases
export type AnyTarget = Target<any>;
