/** One case of a target, by its seed: what it finds, and the smallest case that fails, too. @module */
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { type BackendName, useBackend } from "../../mod.ts";
import { alive, assertNoLeak } from "../backends.ts";
import type { AnyTarget, Errors } from "./target.ts";

/** What became of a case. */
export interface Outcome {
  readonly errors: Errors;
  readonly failure?: Failure;
}

/** A case that fails, as small as it was made. */
export interface Failure {
  /** What is wrong with the case of the seed. */
  readonly first: string;
  /** What is wrong with the smallest one. */
  readonly message: string;
  /** The smallest one. */
  readonly shrunk: string;
  /** Its way from the case of the seed, which `--path` takes. */
  readonly path: string;
}

/** Milliseconds in which a smaller case is looked for. */
const SHRINKING = 20_000;

/**
 * A seed of fast-check's for each of a target. Of neighbouring ones the first
 * numbers are alike; of these nothing is (Murmur's finalizer).
 */
function mixed(seed: number, target: string): number {
  let x = seed | 0;
  for (const letter of target) x = Math.imul(x, 31) + letter.charCodeAt(0);
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

/**
 * Runs the case of a seed on the current backend.
 *
 * @param options `path`: that of a smaller case, which is run instead.
 * `shrinking`: milliseconds in which a smaller case is looked for.
 */
export async function runCase(
  target: AnyTarget,
  backend: BackendName,
  seed: number,
  { path, shrinking = SHRINKING }: { path?: string; shrinking?: number } = {},
): Promise<Outcome> {
  let errors: Errors = {};
  let first: string | undefined;
  let end = Infinity;
  const property = fc.asyncProperty(
    target.cases(backend),
    async (tried: unknown) => {
      // The rest of the smaller cases counts as passing.
      if (performance.now() > end) return;
      try {
        errors = await tryCase(target, backend, tried, seed);
      } catch (error) {
        first ??= textOf(error);
        end = Math.min(end, performance.now() + shrinking);
        throw error;
      }
    },
  );
  const details = await fc.check(property, {
    seed: mixed(seed, target.name),
    numRuns: 1,
    ...path === undefined ? {} : { path, endOnFailure: true },
  });
  if (!details.failed) return { errors };
  const { counterexample, counterexamplePath, errorInstance } = details;
  return {
    errors,
    failure: {
      first: first!,
      message: textOf(errorInstance),
      shrunk: fc.stringify(counterexample![0]),
      path: [path, counterexamplePath].filter(Boolean).join(":"),
    },
  };
}

/** A case, which leaves nothing behind. */
async function tryCase(
  target: AnyTarget,
  backend: BackendName,
  tried: unknown,
  seed: number,
): Promise<Errors> {
  // Small tensors are computed on the host, which users have; in half of all
  // cases they are not, so that shaders meet them.
  if (backend === "webgpu") {
    tf.env().set("WEBGPU_CPU_FORWARD", seed % 2 === 0);
  }
  const before = alive();
  const errors = await target.run(tried, backend);
  assertNoLeak(before);
  return errors;
}

/** Where the library is. */
const LIBRARY = new URL("../../lib/", import.meta.url).href;

/** What went wrong, and where in the library. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const line = (error.stack ?? "").split("\n").find((line) =>
    line.includes(LIBRARY)
  );
  return `${error.name}: ${error.message}${line ? ` (${line.trim()})` : ""}`;
}

/** Starts a backend. */
export async function start(
  backend: BackendName,
  threads: number,
): Promise<void> {
  await useBackend({
    prefer: [backend],
    ...backend === "wasm" ? { threads } : {},
  });
}
