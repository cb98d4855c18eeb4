/**
 * Jasmine's globals, which tfjs-core's tests are written for. To be imported
 * before anything of tfjs.
 *
 * @module
 */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import jasmineCore from "jasmine-core";

/** Jasmine's account of a test. */
export interface SpecResult {
  readonly fullName: string;
  readonly status: "passed" | "failed" | "pending" | "excluded" | "disabled";
  readonly failedExpectations: readonly Failure[];
}

/** What a test expected and did not get. */
export interface Failure {
  readonly message: string;
}

/** Jasmine's account of what is around tests: a group, or all of them. */
export interface GroupResult {
  /** Of a group. */
  readonly fullName?: string;
  readonly failedExpectations: readonly Failure[];
}

/** Jasmine's environment, as far as it is used here. */
export interface JasmineEnvironment {
  configure(configuration: {
    random?: boolean;
    specFilter?: (spec: { getFullName(): string }) => boolean;
  }): void;
  addReporter(reporter: {
    specStarted?: (result: SpecResult) => void;
    specDone?: (result: SpecResult) => void;
    suiteDone?: (result: GroupResult) => void;
    jasmineDone?: (result: GroupResult) => void;
  }): void;
  execute(): Promise<{ readonly overallStatus: string }>;
}

const jasmine = (jasmineCore as {
  boot(): { getEnv(): JasmineEnvironment; DEFAULT_TIMEOUT_INTERVAL: number };
}).boot();

/** The environment that the tests join. */
export const environment: JasmineEnvironment = jasmine.getEnv();
environment.configure({ random: false });

// tfjs-core asks CommonJS for a Jasmine of its own, to set a timeout, and for
// node:worker_threads, to see whether this is Node; emscripten asks it where
// it is.
const require = createRequire(import.meta.url);
const core = { core: () => jasmine };
Object.assign(globalThis, {
  require: Object.assign(
    (name: string) => name.startsWith("jasmine-core") ? core : require(name),
    { resolve: require.resolve },
  ),
  __dirname: dirname(fileURLToPath(
    import.meta.resolve(
      "@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.js",
    ),
  )),
});
