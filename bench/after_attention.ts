/**
 * What the flags of `deno task fast` cost the code around attention: some processors
 * run what was compiled for SSE many times more slowly after a kernel has left its
 * 256-bit vectors dirty.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { lionAttention, useBackend } from "@lionjs/lion";

/** Milliseconds, or a ratio, of each function. */
export interface AfterAttention {
  /** A million calls of `Math.exp`. */
  readonly "Math.exp": number;
  /** A million calls of `Math.random`. */
  readonly "Math.random": number;
  /** The square roots of a million numbers by TensorFlow.js. */
  readonly sqrt: number;
}

type Functions = Readonly<Record<keyof AfterAttention, () => unknown>>;

const COUNT = 1e6;

/** How often each function is timed; the least time counts. */
const ROUNDS = 12;

/** The least milliseconds of each function right after an attention, in this process. */
export async function timeAfterAttention(): Promise<AfterAttention> {
  await useBackend({ prefer: ["wasm"] });
  const heads = tf.randomUniform<tf.Rank.R4>(
    [1, 4, 512, 64],
    -1,
    1,
    "float32",
    1,
  );
  const numbers = tf.randomUniform([COUNT], 0, 1, "float32", 2);
  const functions: Functions = {
    "Math.exp": () => sumOf((i) => Math.exp(-i / COUNT)),
    "Math.random": () => sumOf(() => Math.random()),
    sqrt: () => tf.sqrt(numbers).dispose(),
  };
  const attend = () => lionAttention(heads, heads, heads).dispose();
  // The engine compiles vectors of 256 bits for kernels that have run for a while.
  for (let i = 0; i < 200; i++) {
    attend();
    functions.sqrt();
  }
  const entries = Object.entries(functions).map(([name, run]) => {
    const times = Array.from({ length: ROUNDS }, () => {
      attend();
      const start = performance.now();
      run();
      return performance.now() - start;
    });
    return [name, Math.min(...times)];
  });
  tf.dispose([heads, numbers]);
  return Object.fromEntries(entries) as AfterAttention;
}

function sumOf(value: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < COUNT; i++) sum += value(i);
  return sum;
}

/** Arguments of Deno that run a program with the flags of `deno task fast`, and without. */
const WITH_FLAGS = [new URL("../tools/fast.ts", import.meta.url).href];
const WITHOUT: readonly string[] = [];

/** How often each of both is begun; the least time counts. */
const PROCESSES = 3;

/**
 * The times of each function with the flags and without, each right after an attention
 * in processes of its own, which take turns.
 *
 * @param processes How many of both there are.
 * @throws {Error} If such a process fails.
 */
export async function timesAfterAttention(
  processes: number = PROCESSES,
): Promise<
  { readonly fast: AfterAttention[]; readonly plain: AfterAttention[] }
> {
  const fast: AfterAttention[] = [], plain: AfterAttention[] = [];
  for (let i = 0; i < processes; i++) {
    fast.push(await timeInProcess(WITH_FLAGS));
    plain.push(await timeInProcess(WITHOUT));
  }
  return { fast, plain };
}

async function timeInProcess(
  through: readonly string[],
): Promise<AfterAttention> {
  const run = through.length > 0 ? ["run", "-A", ...through] : [];
  const { DENO_V8_FLAGS: _, ...env } = Deno.env.toObject();
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [...run, "run", "-A", import.meta.url],
    env,
    clearEnv: true,
    stderr: "inherit",
  }).output();
  if (success) return JSON.parse(new TextDecoder().decode(stdout));
  throw new Error("a process that times functions after attention has failed");
}

if (import.meta.main) console.log(JSON.stringify(await timeAfterAttention()));
