/**
 * TensorFlow.js's WebAssembly backend on a memory that our own modules and their
 * threads share with it.
 *
 * This folder knows the inside of tfjs-backend-wasm 4.22.0, and is why that
 * version is pinned.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import createModule from "@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.js";
import { nodeModule } from "@lionjs/base/files";
import { CLOSED, KernelHost } from "./host.ts";
import type { KernelModule } from "./job.ts";
import { canShareMemory, withSharedMemory } from "./shared_memory.ts";
import { guardAllocations, type HeapUse } from "./allocations.ts";
import { readWasmFile } from "./wasm_file.ts";

/** The part of tfjs's emscripten module that is used here; a new one for each backend. */
export interface EmscriptenModule {
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

/** tfjs's backend, and our modules on its memory. */
export interface OpenedWasm {
  /** The backend, not yet registered. */
  readonly backend: ClosableWasm;
  /** Runs our kernels; the same one for every backend that is opened. */
  readonly host: KernelHost;
  /** The memory allocated, including the kernels' scratch. */
  readonly use: HeapUse;
}

let host: KernelHost | undefined;

/**
 * Loads a new instance of tfjs's module.
 *
 * @param wasmPath The location of its binary, if not the default.
 */
export async function loadWasm(
  wasmPath?: string | URL,
): Promise<EmscriptenModule> {
  if (await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT")) {
    return await instantiate(wasmPath);
  }
  throw new Error("this engine has no WebAssembly SIMD");
}

/**
 * Opens the backend with one thread.
 *
 * @param module The module that {@linkcode loadWasm} has loaded, for this backend alone.
 * @param kernels The module of our kernels.
 */
export function openWasm(
  module: EmscriptenModule,
  kernels: KernelModule,
): OpenedWasm {
  const n = "number";
  module.tfjs = {
    init: module.cwrap("init", null, []),
    initWithThreadsCount: module.cwrap("init_with_threads_count", null, [n]),
    getThreadsCount: module.cwrap("get_threads_count", n, []),
    registerTensor: module.cwrap("register_tensor", null, [n, n, n]),
    disposeData: module.cwrap("dispose_data", n, [n]),
    dispose: module.cwrap("dispose", null, []),
  };
  const backend = new ClosableWasm(module as unknown as BackendWasm["wasm"]);
  const use = guardAllocations(backend);
  const free = module._free;
  const heap = {
    memory: module.asm.memory,
    allocate: (bytes: number) => module._malloc(bytes) >>> 0,
    free: (address: number) => free(address),
  };
  if (host) host.open(heap);
  else host = new KernelHost(heap, [kernels]);
  const later = host;
  module._free = (address) => later.free(address);
  return { backend, host, use };
}

/** tfjs's backend, which releases its memory when it is disposed of. */
class ClosableWasm extends BackendWasm {
  #closed = false;

  /** Releases the memory and its tensors; every later use is an error. */
  override dispose(): void {
    // tfjs's own removes all error listeners from Node's process, not only its
    // own.
    this.#closed = true;
    const gone = () => {
      throw new Error(CLOSED);
    };
    this.wasm = new Proxy({}, { get: gone }) as BackendWasm["wasm"];
    // Kernels hold on to functions of the module, and with them to its memory.
    const stub = { wasm: { cwrap: () => gone } } as unknown as BackendWasm;
    for (const { setupFunc } of tf.getKernelsForBackend("wasm")) {
      setupFunc?.(stub);
    }
  }

  /** Frees a tensor's memory, unless the backend is disposed of. */
  override disposeData(dataId: object, force?: boolean): boolean {
    if (!this.#closed) return super.disposeData(dataId, force);
    this.dataIdMap.delete(dataId);
    return true;
  }
}

/** tfjs's module with SIMD, with shared memory if the host allows it. */
async function instantiate(wasmPath?: string | URL): Promise<EmscriptenModule> {
  let directory = "";
  let failed: (reason: unknown) => void;
  const failure = new Promise<never>((_, reject) => failed = reject);
  const module = withoutListeners(() =>
    (createModule as unknown as ModuleFactory)({
      locateFile: (name, found) => {
        directory = found;
        return found + name;
      },
      instantiateWasm: (imports, done) => {
        readWasmFile(directory, wasmPath)
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
    })
  );
  return await Promise.race([module, failure]);
}

/**
 * Runs a function and removes the listeners that it adds to Node's process:
 * emscripten's rethrow errors, which changes the exit code.
 */
function withoutListeners<Result>(run: () => Result): Result {
  const process = nodeModule("node:process") as unknown as
    | Pick<import("node:events").EventEmitter, "listeners" | "removeListener">
    | undefined;
  const events = ["uncaughtException", "unhandledRejection"];
  const before = events.map((event) => process?.listeners(event));
  const result = run();
  events.forEach((event, i) => {
    for (const listener of process?.listeners(event) ?? []) {
      if (before[i]!.includes(listener)) continue;
      process!.removeListener(event, listener as () => void);
    }
  });
  return result;
}
