/** Tunings in a file or in a browser, each for a machine. @module */
import * as tf from "@tensorflow/tfjs-core";
import { nodeModule } from "../contract/node_module.ts";
import { assertOptions } from "../contract/options.ts";
import { processors } from "../contract/threads.ts";
import { assertPath } from "../contract/values.ts";
import { VERSION } from "../contract/version.ts";
import { writeAtomically } from "../io/atomic_write.ts";
import { whileLocked } from "../io/file_lock.ts";
import { files, isMissing, pathOf } from "../io/file_system.ts";
import { assertTuning, type TuningNumbers } from "../kernels/tuning.ts";
import type { BackendInfo } from "./backend_info.ts";
import type { Tuning } from "./tuning.ts";
import {
  asTuning,
  type FindTuning,
  sourceOf,
  type TunedBackend,
} from "./tuning_source.ts";

/**
 * What times depend on besides the problem; a tuning is used where all of it is
 * the same. WebGPU tells of a driver only what the adapter's description says,
 * and of its compiler, which comes with the runtime, nothing.
 */
export interface TunedMachine {
  /** The backend. */
  readonly backend: string;
  /** The WebGPU adapter's vendor and description, or `null`. */
  readonly adapter: string | null;
  /** The runtime, such as `"Deno/2.9.6"`. */
  readonly runtime: string;
  /** Logical processors. */
  readonly processors: number;
  /** The version of this library. */
  readonly lion: string;
  /** The version of TensorFlow.js. */
  readonly tfjs: string;
}

/** What is found out about a machine. */
export interface MachineTuning {
  /** The machine. */
  readonly machine: TunedMachine;
  /** Its numbers. */
  readonly tuning: TuningNumbers;
}

/** The first words of a file of tunings: another format has others. */
const FORMAT = "lion tunings, format 1";

/** What a file of tunings holds. */
interface TuningFile {
  readonly format: typeof FORMAT;
  readonly machines: readonly MachineTuning[];
}

/** Where tunings lie. */
interface Store {
  /** As messages call it. */
  readonly name: string;
  /** What was written last; undefined if nothing was. */
  read(): Promise<string | undefined>;
  /** Writes what becomes of it; nobody else writes in between. */
  update(change: (text: string | undefined) => string): Promise<void>;
}

/** A file; folders of the default one are made. */
function fileStore(named: string | URL | undefined): Store {
  if (typeof named === "string") assertPath("file", named);
  const file = pathOf(named ?? tuningPath());
  const read = async () => {
    try {
      return await files().readFile(file, "utf8");
    } catch (cause) {
      if (isMissing(cause)) return undefined;
      const reason = cause instanceof Error ? cause.message : cause;
      throw new Error(`${file} cannot be read: ${reason}`, { cause });
    }
  };
  return {
    name: file,
    read,
    async update(change) {
      if (named === undefined) {
        const folder = file.replace(/\/[^/]*$/, "");
        await files().mkdir(folder, { recursive: true });
      }
      await whileLocked(`${file}.lock`, async () => {
        const text = change(await read());
        await writeAtomically(file, [new TextEncoder().encode(text)]);
      });
    },
  };
}

/** The key of a page's tunings. */
const PAGE_KEY = "lion/tuning.json";

/** What a page's origin keeps in the browser. */
const PAGE_STORE: Store = {
  name: 'the database "keyval-store" of this page',
  async read() {
    const { get } = await import("idb-keyval");
    return await get<string>(PAGE_KEY);
  },
  async update(change) {
    const { update } = await import("idb-keyval");
    // One transaction, which other pages wait for.
    await update<string>(PAGE_KEY, change);
  },
};

/** A file if it is named; else the default one, or a page's store. */
function storeOf(file: string | URL | undefined): Store {
  return file === undefined && "indexedDB" in globalThis
    ? PAGE_STORE
    : fileStore(file);
}

/** The machine that a backend runs on. */
export function machineOf({ name, adapter }: TunedBackend): TunedMachine {
  return {
    backend: name,
    adapter: adapter ? `${adapter.vendor} ${adapter.description}` : null,
    // Node before 21 has no navigator.
    runtime: globalThis.navigator?.userAgent ?? "unknown",
    processors: processors(),
    lion: VERSION,
    tfjs: tf.version_core,
  };
}

/**
 * Where `deno task tune` puts what it finds out, and
 * {@linkcode cachedTuning} looks for it: `lion/tuning.json` in the user's folder
 * for caches.
 *
 * @throws {Error} Where there are no files, or nobody says where such a folder is.
 */
export function tuningPath(): string {
  const environment = nodeModule("node:process")?.env;
  if (!environment) {
    throw new Error(
      "tunings are kept in files, and in pages by IndexedDB, and there is " +
        "neither here; pass the numbers themselves to useBackend()",
    );
  }
  const { XDG_CACHE_HOME, LOCALAPPDATA, HOME } = environment;
  const folder = XDG_CACHE_HOME ?? LOCALAPPDATA ??
    (HOME === undefined ? undefined : `${HOME}/.cache`);
  if (folder) return `${folder}/lion/tuning.json`;
  throw new Error(
    "none of XDG_CACHE_HOME, LOCALAPPDATA and HOME says where caches lie; " +
      "name a file",
  );
}

/**
 * Finds the numbers that {@linkcode saveTuning}, or `deno task tune`, has kept for
 * this machine: an option of `useBackend`. Where the machine, the runtime or the
 * library is another one, or nothing was tuned, kernels keep their own numbers;
 * {@linkcode BackendInfo.tuning} says which it is.
 *
 * In Deno it needs `--allow-read` of the file, and `--allow-env` of
 * XDG_CACHE_HOME, LOCALAPPDATA and HOME if none is named. In a web page numbers
 * lie in IndexedDB, for all pages of its origin.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { cachedTuning, saveTuning, useBackend } from "@lionjs/lion";
 *
 * const file = await Deno.makeTempFile({ suffix: ".json" });
 * await Deno.remove(file);
 * const untuned = await useBackend({ prefer: ["wasm"] });
 * // As `deno task tune` finds one.
 * const tuning = JSON.parse('{ "wasm": { "all": { "delta": { "chunkSize": 48 } } } }');
 * await saveTuning(untuned, tuning, file);
 *
 * const tuned = await useBackend({ prefer: ["wasm"], tuning: cachedTuning(file) });
 * assertEquals(tuned.tuning, tuning);
 * await Deno.remove(file);
 * ```
 *
 * @param file The file's path or URL. One that is named must be there.
 * @default `lion/tuning.json` in the user's folder for caches, or IndexedDB
 * @returns The tuning of the backend that will start; `useBackend` reads the file
 * then, and throws an Error that names it, if it is not one of tunings.
 */
export function cachedTuning(file?: string | URL): Tuning {
  return asTuning(findTuning(file));
}

/** What {@linkcode cachedTuning} is behind its type. */
export function findTuning(file?: string | URL): FindTuning {
  return async (backend) => {
    const { name, read } = storeOf(file);
    const text = await read();
    const machines = text === undefined ? undefined : machinesIn(text, name);
    if (machines === undefined && file !== undefined) {
      throw new Error(
        `there is no ${file}; \`deno task tune --file ${file}\` makes it`,
      );
    }
    const here = identityOf(machineOf(backend));
    return machines?.find(({ machine }) => identityOf(machine) === here)
      ?.tuning;
  };
}

/**
 * Puts a tuning of the machine that a backend runs on into a file, beside those
 * of other machines; in a web page into IndexedDB, if no file is named. Several
 * processes, or calls, may do so at once: one waits for the other, by a file of
 * the same name and `.lock`.
 *
 * @example A tuning that came as JSON, on this machine from now on
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { cachedTuning, saveTuning, useBackend } from "@lionjs/lion";
 *
 * const file = await Deno.makeTempFile({ suffix: ".json" });
 * await Deno.remove(file); // an empty file holds no tunings
 * const backend = await useBackend({ prefer: ["wasm"] });
 * await saveTuning(backend, JSON.parse('{ "threads": 1 }'), file);
 *
 * const tuned = await useBackend({ prefer: ["wasm"], tuning: cachedTuning(file) });
 * assertEquals(tuned.threads, 1);
 * await Deno.remove(file);
 * ```
 *
 * @param backend The backend, as `useBackend` describes it.
 * @param tuning The tuning.
 * @param file The file's path or URL; folders of the default one are made.
 * @default `lion/tuning.json` in the user's folder for caches, or IndexedDB
 * @throws {TypeError | RangeError} If the numbers are not possible.
 * @throws {Error} If the file cannot be written, holds something else, or another
 * process writes to it for more than ten seconds; the message names it.
 */
export async function saveTuning(
  backend: Pick<BackendInfo, "name" | "adapter">,
  tuning: Tuning,
  file?: string | URL,
): Promise<void> {
  await saveNumbers(backend, sourceOf(tuning) as TuningNumbers, file);
}

/** What {@linkcode saveTuning} does with the numbers of a tuning. */
export async function saveNumbers(
  backend: TunedBackend,
  tuning: TuningNumbers,
  file?: string | URL,
): Promise<void> {
  assertTuning(tuning);
  const store = storeOf(file);
  const machine = machineOf(backend);
  await store.update((text) => {
    const known = text === undefined ? [] : machinesIn(text, store.name);
    const others = known
      .filter((other) => identityOf(other.machine) !== identityOf(machine));
    const content: TuningFile = {
      format: FORMAT,
      machines: [...others, { machine, tuning }],
    };
    return `${JSON.stringify(content, null, 2)}\n`;
  });
}

/** Text that is the same for the same machine. */
function identityOf(machine: TunedMachine): string {
  return JSON.stringify(Object.entries(machine).sort());
}

/**
 * The machines of a store.
 *
 * @param text What it holds.
 * @param name Its name.
 * @throws {Error} If these are no tunings; the message names the store.
 */
function machinesIn(text: string, name: string): readonly MachineTuning[] {
  try {
    const content: TuningFile = JSON.parse(text);
    if (Object(content).format !== FORMAT) {
      throw new TypeError(`its format should be ${JSON.stringify(FORMAT)}`);
    }
    assertOptions("tunings", content, { format: true, machines: true });
    const { machines } = content;
    if (!Array.isArray(machines)) {
      throw new TypeError("its machines should be a list");
    }
    machines.forEach(assertMachineTuning);
    return machines;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : cause;
    throw new Error(
      `${name} holds no tunings: ${reason}; remove it, and tune again`,
      { cause },
    );
  }
}

/** Of what kinds each part of a machine may be. */
const KINDS: Readonly<Record<keyof TunedMachine, readonly string[]>> = {
  backend: ["string"],
  adapter: ["string", "null"],
  runtime: ["string"],
  processors: ["number"],
  lion: ["string"],
  tfjs: ["string"],
};

function assertMachineTuning(one: MachineTuning, i: number): void {
  assertOptions(`machines[${i}]`, one, { machine: true, tuning: true });
  const { machine, tuning } = one;
  // An option is never null, but WebAssembly has no adapter.
  const named = machine?.adapter === null
    ? { ...machine, adapter: "none" }
    : machine;
  assertOptions(`machines[${i}].machine`, named, KINDS);
  for (const [part, kinds] of Object.entries(KINDS)) {
    const value = machine[part as keyof TunedMachine];
    const kind = value === null ? "null" : typeof value;
    if (kinds.includes(kind)) continue;
    throw new TypeError(
      `machines[${i}].machine.${part} should be a ${
        kinds.join(" or ")
      }, got ${kind}`,
    );
  }
  assertTuning(tuning, machine.processors);
}
