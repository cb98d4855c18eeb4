/**
 * What is left out where WebGPU is software, which takes a hundred times as long
 * as WebAssembly; and what is left out in plain JavaScript, where WebAssembly has
 * computed the same operations of TensorFlow.js. On WebAssembly nothing is, and on
 * a GPU nothing but those.
 *
 * `LION_TESTS` says which part is computed: the `sample` (the default, and `deno
 * task test`), of the `rest` a share (`deno task test:all --rest`), or `all` (`deno
 * task test:all`). In the fast way, where WebAssembly's kernels are computed once
 * more, a sample of them is `fast`.
 *
 * @module
 */
import fc from "fast-check";
import { type BackendName, useBackend } from "../mod.ts";
import { assertSampled, BACKENDS, markLong } from "./backends.ts";

const PARTS = ["sample", "rest", "all", "fast"] as const;
const part = PARTS.find((part) =>
  part === (Deno.env.get("LION_TESTS") ?? "sample")
);
if (!part) {
  throw new RangeError(
    `LION_TESTS should be one of ${PARTS.join(", ")}, got "${
      Deno.env.get("LION_TESTS")
    }"`,
  );
}

const isFast = part === "fast";

/** Whether only what samples leave out is computed. */
const isRest = part === "rest";

/** The part of a matrix that is not whole. */
const sampled = isFast ? "sample" : part;

/** Divides no axis of a matrix of cases, so that it meets all values of each. */
const EVERY = 17;

/** Of cases that are made up, which have no axes. */
const EVERY_DRAWN = 401;

/** Of cases that run operations of TensorFlow.js, as all of them do on WebAssembly. */
const EVERY_SHARED = 47;

/** Of what samples leave, the rest computes one in so many: CI has 45 minutes for all. */
const EVERY_REST = 211;

const isSoftware = BACKENDS.includes("webgpu") &&
  (await useBackend({ prefer: ["webgpu"] })).adapter!.isFallbackAdapter;
if (isSoftware && sampled === "sample") {
  console.log(
    `software WebGPU: every ${EVERY}th case of the matrices, and no long test; ` +
      "`deno task test:all` leaves none out",
  );
}

/**
 * Parts a matrix: the first case, the last, one in so many and the edges are the
 * sample, and the others the rest.
 */
export function partition<T>(
  cases: Iterable<T>,
  isEdge: (one: T) => boolean = () => false,
  every: number = EVERY,
): { sample: T[]; rest: T[]; all: T[] } {
  const all = [...cases];
  const isSampled = all.map((one, i) =>
    i % every === 0 || i === all.length - 1 || isEdge(one)
  );
  return {
    sample: all.filter((_, i) => isSampled[i]),
    rest: all.filter((_, i) => !isSampled[i]),
    all,
  };
}

/**
 * The cases of a matrix that this run computes on a backend.
 *
 * @param backend On which they are to be computed.
 * @param cases In an order in which the axes take turns.
 * @param isEdge Whether a case is always in the sample.
 * @param every One in so many is in the sample.
 */
export function sample<T>(
  backend: BackendName,
  cases: Iterable<T>,
  isEdge?: (one: T) => boolean,
  every: number = EVERY,
): T[] {
  assertSampled();
  const parts = partition(cases, isEdge, every);
  if (!isFast && !(backend === "webgpu" && isSoftware)) {
    return isRest ? [] : parts.all;
  }
  return isRest
    ? parts.rest.filter((_, i) => i % EVERY_REST === 0)
    : parts[sampled];
}

/**
 * The cases that this run computes of a matrix whose every case runs operations
 * of TensorFlow.js that it runs on WebAssembly too, where none is left out: a
 * few on any other backend, and all only if all tests are asked for.
 *
 * @param backend On which they are to be computed.
 * @param cases In an order in which the axes take turns.
 * @param isEdge Whether a case is always in the sample.
 */
export function sampleShared<T>(
  backend: BackendName,
  cases: Iterable<T>,
  isEdge?: (one: T) => boolean,
): T[] {
  assertSampled();
  // Each shape is several of TensorFlow.js's shaders.
  const every = backend === "webgpu" ? Infinity : EVERY_SHARED;
  const parts = partition(cases, isEdge, every);
  if (backend === "wasm" && !isFast) return isRest ? [] : parts.all;
  return isRest
    ? parts.rest.filter((_, i) => i % EVERY_REST === 0)
    : parts[sampled];
}

/**
 * The cases that this run computes of a matrix in which some run kernels, and
 * others operations of TensorFlow.js, as all do where no backend has a kernel.
 *
 * @param backend On which they are to be computed.
 * @param cases In an order in which the axes take turns.
 * @param isPlain Whether a case runs operations of TensorFlow.js, and runs them
 * on WebAssembly too.
 */
export function sampleForms<T>(
  backend: BackendName,
  cases: Iterable<T>,
  isPlain: (one: T) => boolean,
  every?: number,
): T[] {
  const all = [...cases];
  const hasKernel = (one: T) => backend !== "cpu" && !isPlain(one);
  return [
    ...sample(backend, all.filter(hasKernel), undefined, every),
    ...sampleShared(backend, all.filter((one) => !hasKernel(one))),
  ];
}

/**
 * Of 200 cases that are made up, the same ones in every run, those that this run
 * computes on a backend. Runs of a property would begin anew with the seed, so
 * that the sample would be part of the rest.
 *
 * @param backend On which they are to be computed.
 * @param cases What a case is.
 * @param isPlain As {@linkcode sampleForms} has it. @default none is
 */
export function sampleOf200<T>(
  backend: BackendName,
  cases: fc.Arbitrary<T>,
  isPlain?: (one: T) => boolean,
): T[] {
  const all = fc.sample(cases, { numRuns: 200, seed: 15 });
  return isPlain
    ? sampleForms(backend, all, isPlain, EVERY_DRAWN)
    : sample(backend, all, undefined, EVERY_DRAWN);
}

/**
 * The backends of a test that takes most of a minute on software WebGPU: it is not
 * in the sample.
 *
 * @param only Those that the test is for.
 */
export function ofLongTests(
  only: readonly BackendName[] = BACKENDS,
): readonly BackendName[] {
  const backends = only.filter((name) =>
    name === "webgpu" && isSoftware ? sampled !== "sample" : !isRest
  );
  markLong(backends);
  return backends;
}
