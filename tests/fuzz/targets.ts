/** All that the fuzzer attacks. @module */
import type { BackendName } from "../../mod.ts";
import { checkpoints, safetensors, tokenizers, tunings } from "./files.ts";
import { OPERATIONS } from "./operations.ts";
import { recordings, values } from "./programs.ts";
import { parquet, readers } from "./readers.ts";
import { servers } from "./servers.ts";
import { faults, whole } from "./stream.ts";
import { type AnyTarget, KINDS } from "./target.ts";
import { functions, indices, tfjs, transforms } from "./tensorflow.ts";

/** All targets. */
export const TARGETS: readonly AnyTarget[] = [
  ...OPERATIONS,
  ...[tfjs, functions, transforms, indices],
  ...[recordings, values],
  ...[whole, faults],
  ...[safetensors, checkpoints, tokenizers, tunings, readers, parquet],
  servers,
];

/** What `--only` may name. */
export const NAMES: readonly string[] = [
  ...KINDS,
  ...TARGETS.map(({ name }) => name),
];

/** Whether a target is tried on a backend. */
export function isTriedOn(
  { backends }: AnyTarget,
  backend: BackendName,
): boolean {
  return backends?.includes(backend) ?? true;
}

/** Targets by their names or kinds; without any, all. */
export function targetsOf(only: readonly string[]): readonly AnyTarget[] {
  if (only.length === 0) return TARGETS;
  return TARGETS.filter(({ name, kind }) =>
    only.includes(name) || only.includes(kind)
  );
}
