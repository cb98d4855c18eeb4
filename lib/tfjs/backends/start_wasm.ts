/** Starting the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import { processors } from "@lionjs/base";
import { replaceKernels } from "../replaced.ts";
import { loadModule } from "../wasm/binary.ts";
import { MODULE } from "../wasm/module.ts";
import type { OpenedWasm } from "../wasm/wasm_backend.ts";
import { activate, type Install, loadCpu, MODULES } from "./activate.ts";
import { Unavailable } from "./fallback.ts";
import type { OpenOptions, StartedBackend } from "./opened_backend.ts";
import type { Turn } from "./turns.ts";

let wasm: OpenedWasm | undefined;

/** The running wasm backend, if it was started here and is TensorFlow.js's current one. */
export function runningWasm(): OpenedWasm | undefined {
  return wasm?.backend === tf.backend() as unknown ? wasm : undefined;
}

/** Releases the threads and the memory of the running backend. */
export async function releaseWasm(): Promise<void> {
  const before = wasm;
  wasm = undefined;
  before?.backend.dispose();
  await before?.host.close();
}

/** Starts the backend, or keeps the running one, with `threads` threads if it can have as many. */
export async function startWasm(
  { threads = processors(), wasmPath }: OpenOptions,
  turn: Turn,
  install: Install<OpenedWasm> = () => {},
): Promise<StartedBackend> {
  if (!wasm) {
    await loadCpu(turn);
    const { loadWasm, openWasm, WASM, registerOnWasm } = await turn.outside(
      MODULES,
      import("./wasm_modules.ts"),
    );
    const module = await turn.outside(
      "what loads TensorFlow.js's WebAssembly file",
      loadWasm(wasmPath),
    );
    const kernels = await turn.outside(
      "what unpacks the WebAssembly kernels",
      loadModule(MODULE),
    );
    const opened = openWasm(module, kernels);
    replaceKernels("wasm", WASM, opened.host);
    registerOnWasm(opened.host);
    wasm = opened;
  }
  const opened = wasm, { host } = opened;
  await install(opened);
  let shortage: unknown;
  try {
    await host.useThreads(threads);
    if (host.threads < threads) {
      throw new Unavailable(
        "threads cannot share memory here; a page must be cross-origin " +
          "isolated (Cross-Origin-Opener-Policy: same-origin and " +
          "Cross-Origin-Embedder-Policy: require-corp)",
      );
    }
  } catch (cause) {
    shortage = cause;
  }
  await activate("wasm", opened.backend);
  const info = { name: "wasm", threads: host.threads } as const;
  return { info: { ...info, features: [], limits: {} }, shortage };
}
