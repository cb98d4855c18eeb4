/** Right calls of all that the entries and the proofs export, and why the others have none. @module */
import { DATA } from "./data.ts";
import { DATASETS } from "./datasets.ts";
import { DIFFUSION } from "./diffusion.ts";
import type { GoodCalls } from "./good_call.ts";
import { LAYERS, MODELS } from "./models.ts";
import { HUB, IO, NOTEBOOK, ONNX, PROOF } from "./others.ts";
import { ATTENTION, FAMILY, OPERATIONS } from "./tensors.ts";
import { TFJS, TRAINING } from "./training.ts";

/**
 * Right calls by the entries of deno.json, of which `./data` offers those of
 * `./datasets` too, and those of the proofs of a notebook.
 */
export const GOOD_CALLS: Readonly<Record<string, GoodCalls>> = {
  ".": { ...ATTENTION, ...MODELS },
  "./data": DATA,
  "./datasets": DATASETS,
  "./diffusion": DIFFUSION,
  "./family": FAMILY,
  "./hub": {
    ...HUB,
    classify: MODELS["classify"]!,
    fill: MODELS["fill"]!,
    forecast: MODELS["forecast"]!,
    generate: MODELS["generate"]!,
  },
  "./io": IO,
  "./layers": LAYERS,
  "./mpi": {},
  "./notebook": NOTEBOOK,
  "./onnx": ONNX,
  "./operations": OPERATIONS,
  "./tfjs": TFJS,
  "./training": TRAINING,
  "./tuning": {},
  "notebooks/proof": PROOF,
};

const DOWNLOADS = "it loads a corpus, and takes nothing";
const BACKEND = "it changes the backend of the whole process";
const ON_WASM = "it needs the backend wasm; kinds_test.ts has its options";
const KERNELS = "it is for authors of kernels; kernel_test.ts has its errors";
const REGISTERS = "a name that is registered stays so";

/** Why functions have no right call, by their names. */
export const WITHOUT: Readonly<Record<string, string>> = {
  DivergenceError: "an error that the library throws",
  GpuError: "an error that the library throws",
  LionLayer: "abstract",
  MixingLayer: "abstract",
  MpiCommunicator: "openMpi makes it",
  MpiError: "an error that the library throws",
  cachedTuning: BACKEND,
  closeBackend: BACKEND,
  exportOnnx: ON_WASM,
  onnxBytes: ON_WASM,
  saveTransformersJs: ON_WASM,
  display: "it writes to the notebook that it runs in",
  disposeBackend: BACKEND,
  loadBrown: DOWNLOADS,
  loadFashionMnist: DOWNLOADS,
  loadMnist: DOWNLOADS,
  loadSentences: DOWNLOADS,
  loadSonnets: DOWNLOADS,
  loadSpamAssassin: DOWNLOADS,
  hasKernel: KERNELS,
  openBackend: BACKEND,
  openMpi: "it needs MPI",
  profile: BACKEND,
  registerDecay: REGISTERS,
  registerKernels: REGISTERS,
  registerMixer: REGISTERS,
  saveTuning: "it writes to the home folder",
  runKernel: KERNELS,
  savePretrained: "it writes a folder; kinds_test.ts has its options",
  interruptSignal: "it takes nothing",
  useBackend: BACKEND,
};
