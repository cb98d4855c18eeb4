/** Options for choosing a backend, and information about it. @module */
import type {
  BackendName,
  OpenedBackend,
  OpenOptions,
} from "@lionjs/tfjs/backends";
import type { Tuning } from "./tuning.ts";

export type { BackendName };

/** Options of {@linkcode useBackend}. */
export interface UseBackendOptions extends OpenOptions {
  /**
   * Backends to try, in this order; the first that starts is used, even if its
   * WebGPU adapter is a software one.
   * @default a GPU's WebGPU, WebAssembly, software WebGPU, cpu
   */
  prefer?: BackendName[] | undefined;
  /**
   * How kernels divide their work, such as `cachedTuning()`. Results differ
   * only by rounding.
   * @default the library's own choice
   */
  tuning?: Tuning | undefined;
}

/** The backend in use. */
export interface BackendInfo extends OpenedBackend {
  /** The tuning in use, if one was given. */
  readonly tuning?: Tuning;
  /**
   * Why a backend earlier in the order, or the requested number of threads, is
   * not used.
   */
  readonly skipped: Readonly<Partial<Record<BackendName | "threads", string>>>;
}
