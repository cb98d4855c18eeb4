/** The description of a backend that was opened. @module */

/** The name of a backend: on a GPU, in WebAssembly with SIMD, or in plain JavaScript. */
export type BackendName = "webgpu" | "wasm" | "cpu";

/** The choice of a GPU, the number of threads, and the WebAssembly file of a backend. */
export interface OpenOptions {
  /**
   * Which of several GPUs to use. A GPU other than the running one replaces it,
   * and its memory is lost.
   * @default the system's choice
   */
  powerPreference?: GPUPowerPreference | undefined;
  /**
   * Number of threads of the wasm backend; 1 if memory cannot be shared, as in
   * a web page that is not cross-origin isolated. At most four per processor,
   * or 16 if that is more.
   * @default the number of processors
   */
  threads?: number | undefined;
  /**
   * The path or URL of TensorFlow.js's `tfjs-backend-wasm-simd.wasm`, or of its
   * folder if it ends in `/`. It is read when the wasm backend first starts.
   * @default the package's file in Deno and Node, next to the page in a browser
   */
  wasmPath?: string | URL | undefined;
}

/** A backend in use. */
export interface OpenedBackend {
  /** The backend's name in TensorFlow.js. */
  readonly name: BackendName;
  /** The WebGPU adapter. */
  readonly adapter?: {
    /** The vendor, as the driver reports it. */
    readonly vendor: string;
    /** The GPU's family, such as `"ampere"`; empty if hidden. */
    readonly architecture: string;
    /** The GPU model and driver, as the driver reports them; empty if hidden. */
    readonly description: string;
    /** Whether the adapter computes in software, on the CPU. */
    readonly isFallbackAdapter: boolean;
  };
  /** Number of threads of the wasm backend. */
  readonly threads?: number;
  /** The WebGPU features of the device, such as `"shader-f16"`. */
  readonly features: readonly string[];
  /** The WebGPU limits of the device. */
  readonly limits: Readonly<Record<string, number>>;
}

/** A running backend, which is TensorFlow.js's current one. */
export interface StartedBackend {
  readonly info: OpenedBackend;
  /** The reason why the backend has fewer threads than it should, if so. */
  readonly shortage?: unknown;
}
