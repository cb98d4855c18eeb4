/**
 * TensorFlow.js's WebAssembly backend on a memory that LION's own module and
 * its threads share with it.
 *
 * This file and corrected_kernels.ts know the inside of tfjs-backend-wasm
 * 4.22.0, and are why that version is pinned.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import createModule from "@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.js";
import { nodeModule } from "../contract/node_module.ts";
import { KernelHost } from "../kernels/wasm/host.ts";
import {
  canShareMemory,
  withSharedMemory,
} from "../kernels/wasm/shared_memory.ts";
import { guardAllocations } from "./corrected_kernels.ts";

/** The emscripten module of tfjs, as far as it is used here. */
interface EmscriptenModule {
  readonly asm: { readonly memory: WebAssembly.Memory };
  _malloc(bytes: number): number;
  _free(address: number): void;
  cwrap(
    name: string,
    result: "number" | null,
    parameters: ("number" | null)[],
  ): unknown;
  tfjs: unknown;
}

type ModuleFactory = (options: {
  locateFile(name: string, directory: string): string;
  instantiateWasm(
    imports: WebAssembly.Imports,
    done: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ): object;
}) => Promise<EmscriptenModule>;

/** tfjs's backend, and LION's module on its memory. */
export interface OpenedWasm {
  /** Not yet registered. */
  readonly backend: BackendWasm;
  /** Runs LION's kernels. */
  readonly host: KernelHost;
}

/** Opens the backend; one thread computes. */
export async function openWasm(): Promise<OpenedWasm> {
  if (!await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT")) {
    throw new Error("this engine has no WebAssembly SIMD");
  }
  const module = await instantiate();
  const n = "number";
  module.tfjs = {
    init: module.cwrap("init", null, []),
    initWithThreadsCount: module.cwrap("init_with_threads_count", null, [n]),
    getThreadsCount: module.cwrap("get_threads_count", n, []),
    registerTensor: module.cwrap("register_tensor", null, [n, n, n]),
    disposeData: module.cwrap("dispose_data", n, [n]),
    dispose: module.cwrap("dispose", null, []),
  };
  const backend = new BackendWasm(module as unknown as BackendWasm["wasm"]);
  guardAllocations(backend);
  const host = new KernelHost({
    memory: module.asm.memory,
    allocate: (bytes) => module._malloc(bytes) >>> 0,
    free: (address) => module._free(address),
  });
  return { backend, host };
}

/** tfjs's module with SIMD, its memory shared where this host allows it. */
async function instantiate(): Promise<EmscriptenModule> {
  let directory = "";
  let failed: (reason: unknown) => void;
  const failure = new Promise<never>((_, reject) => failed = reject);
  const module = (createModule as unknown as ModuleFactory)({
    locateFile: (name, found) => {
      directory = found;
      return found + name;
    },
    instantiateWasm: (imports, done) => {
      const file = `${directory}tfjs-backend-wasm-simd.wasm`;
      readBinary(file)
        .then((binary) =>
          WebAssembly.instantiate(
            canShareMemory() ? withSharedMemory(binary) : binary,
            imports,
          )
        )
        .then(({ instance, module }) => done(instance, module))
        .catch((reason) => failed(reason));
      return {};
    },
  });
  return await Promise.race([module, failure]);
}

/** A file of tfjs's package: beside it in Deno and Node, beside the page's script in a browser. */
async function readBinary(file: string): Promise<Uint8Array<ArrayBuffer>> {
  const files = nodeModule("node:fs/promises");
  if (files) return new Uint8Array(await files.readFile(file));
  const response = await fetch(file);
  if (!response.ok) throw new Error(`${file}: ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}
