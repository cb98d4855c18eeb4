/** Right calls of all that the entries and the proofs export, and why the others have none. @module */
import { DATA } from "./data.ts";
import type { GoodCalls } from "./good_call.ts";
import { LAYERS, MODELS } from "./models.ts";
import { HUB, IO, NOTEBOOK, PROOF } from "./others.ts";
import { ATTENTION, FAMILY, OPERATIONS } from "./tensors.ts";
import { TRAINING } from "./training.ts";

/** Right calls by the entries of deno.json, and those of the proofs of a notebook. */
export const GOOD_CALLS: Readonly<Record<string, GoodCalls>> = {
  ".": { ...ATTENTION, ...MODELS },
  "./data": DATA,
  "./family": FAMILY,
  "./hub": HUB,
  "./io": IO,
  "./layers": LAYERS,
  "./mpi": {},
  "./notebook": NOTEBOOK,
  "./operations": OPERATIONS,
  "./training": TRAINING,
  "./tuning": {},
  "notebooks/proof": PROOF,
};

const DOWNLOADS = "it loads a corpus, and takes nothing";
const BACKEND = "it changes the backend of the whole process";
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
  display: "it writes to the notebook that it runs in",
  disposeBackend: BACKEND,
  loadBrown: DOWNLOADS,
  loadFashionMnist: DOWNLOADS,
  loadMnist: DOWNLOADS,
  loadSentences: DOWNLOADS,
  loadSonnets: DOWNLOADS,
  loadSpamAssassin: DOWNLOADS,
  openMpi: "it needs MPI",
  profile: BACKEND,
  registerDecay: REGISTERS,
  registerMixer: REGISTERS,
  saveTuning: "it writes to the home folder",
  savePretrained: "it writes a folder; kinds_test.ts has its options",
  interruptSignal: "it takes nothing",
  useBackend: BACKEND,
};
