/** What is asked of a backend, and what is said of one. @module */

/** A way to compute: a GPU, WebAssembly with SIMD, or plain JavaScript. */
export type BackendName = "webgpu" | "wasm" | "cpu";

/** Options of {@linkcode useBackend}. */
export interface UseBackendOptions {
  /**
   * Names to try in this order; the first that starts is used, also if its
   * WebGPU adapter is a software one.
   * @default a GPU's WebGPU, WebAssembly, software WebGPU, cpu
   */
  prefer?: BackendName[];
  /** Which GPU, where there are several. @default the system's choice */
  powerPreference?: GPUPowerPreference;
  /**
   * Threads of the wasm backend; one where memory cannot be shared, as in a
   * browser's page that is not isolated. @default the number of processors
   */
  threads?: number;
  /**
   * Where TensorFlow.js's `tfjs-backend-wasm-simd.wasm` lies: a path or URL of
   * the file, or of its folder if it ends in `/`. Read when the wasm backend
   * first starts.
   * @default the package's in Deno and Node; beside the page in a browser
   */
  wasmPath?: string | URL;
}

/** The backend in use. */
export interface BackendInfo {
  /** Its name, as tfjs knows it. */
  readonly name: BackendName;
  /** The WebGPU adapter. */
  readonly adapter?: {
    /** The vendor, as the driver gives it. */
    readonly vendor: string;
    /** The model and driver, as the driver gives them. */
    readonly description: string;
    /** Whether it computes in software, on the CPU. */
    readonly isFallbackAdapter: boolean;
  };
  /** Threads that the wasm backend computes with. */
  readonly threads?: number;
  /** The WebGPU features of the device, such as `"shader-f16"`. */
  readonly features: readonly string[];
  /** The WebGPU limits of the device. */
  readonly limits: Readonly<Record<string, number>>;
  /**
   * Why something better does not compute: a backend that comes earlier in the
   * order, or as many threads as there should be.
   */
  readonly skipped: Readonly<Partial<Record<BackendName | "threads", string>>>;
}
