/// <reference lib="dom" />
/** The device on which a worker computes. @module */
import { type BackendInfo, useBackend } from "@lionjs/lion";

/** What computes in a worker. */
export interface Device {
  readonly backend: "wasm" | "webgpu";
  /** In words. */
  readonly description: string;
}

const WASM_FILE = "tfjs-backend-wasm-simd.wasm";

/** Starts a backend, which lies beside the page. */
export async function start(backend: Device["backend"]): Promise<Device> {
  const wasmPath = new URL(WASM_FILE, globalThis.location.href);
  const info = await useBackend({ prefer: [backend], wasmPath });
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
