/// <reference lib="dom" />
/** Where everything is computed. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  type BackendInfo,
  decayMask,
  fixedDecay,
  noDecay,
  selectiveDecay,
  useBackend,
} from "@lionjs/lion";
import type { Answer, Calls, Device, MaskProblem, Request } from "./calls.ts";
import { classify, compare } from "./classifier.ts";
import { complete } from "./sentence.ts";
import { time } from "./timing.ts";

const WASM_FILE = new URL(
  "tfjs-backend-wasm-simd.wasm",
  globalThis.location.href,
);

async function start(backend: Device["backend"]): Promise<Device> {
  const info = await useBackend({ prefer: [backend], wasmPath: WASM_FILE });
  return { backend, description: describe(info) };
}

function describe({ adapter, threads = 1 }: BackendInfo): string {
  if (!adapter) {
    return `WebAssembly, ${threads} thread${threads === 1 ? "" : "s"}`;
  }
  const card = [adapter.vendor, adapter.description].filter(Boolean).join(" ");
  const kind = adapter.isFallbackAdapter ? ", in software" : "";
  return `WebGPU${card ? `: ${card}` : ""}${kind}`;
}

async function mask(
  { variant, decays, convention }: MaskProblem,
): Promise<number[][]> {
  const length = decays.length;
  const rows = tf.tidy(() => {
    const logDecay = tf.log(tf.tensor1d([...decays]));
    const decay = variant === "lit"
      ? noDecay()
      : variant === "d"
      ? fixedDecay(tf.slice(logDecay, 0, 1))
      : selectiveDecay(tf.reshape(logDecay, [1, 1, length]), { convention });
    return tf.reshape(decayMask(decay, length), [length, length]);
  });
  const values = await rows.array() as number[][];
  rows.dispose();
  return values;
}

const CALLS: Calls = { start, classify, compare, complete, mask, time };

/** One call after another: times should not be those of two at once. */
let last: Promise<unknown> = Promise.resolve();

globalThis.addEventListener("message", ({ data }) => {
  const { id, name, args } = data as Request;
  last = last.then(async () => {
    let answer: Answer;
    try {
      const call = CALLS[name] as (...args: unknown[]) => Promise<unknown>;
      answer = { id, value: await call(...args) };
    } catch (error) {
      answer = {
        id,
        error: error instanceof Error ? error.message : `${error}`,
      };
    }
    globalThis.postMessage(answer);
  });
});
