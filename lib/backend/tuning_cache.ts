/** Storage of tunings, each for a machine, in a file or in a browser. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  files,
  isMissing,
  nodeModule,
  pathOf,
  whileLocked,
  writeAtomically,
} from "@lionjs/base/files";
import {
  assertNamed,
  assertOptions,
  assertPath,
  assertText,
  messageOf,
  processors,
  VERSION,
  warnOnce,
} from "@lionjs/base";
import { assertTuning, type TuningNumbers } from "../kernels/tuning.ts";
import { adapterName } from "@lionjs/tfjs/backends";
import type { BackendInfo } from "./backend_info.ts";
import type { Tuning } from "./tuning.ts";
import {
  asTuning,
  type FindTuning,
  sourceOf,
  type TunedBackend,
} from "./tuning_source.ts";

/**
 * The properties of a machine on which times depend; a tuning is used where all of
 * them are the same. About a driver, WebGPU tells only what the adapter's description
 * says, and nothing about its shader compiler, which comes with the runtime.
 */
export interface TunedMachine {
  /** The backend. */
  readonly backend: string;
  /** The WebGPU adapter's vendor, architecture and description, or `null`. */
  readonly adapter: string | null;
  /** The runtime, such as `"Deno/2.9.6"`. */
  readonly runtime: string;
  /** The number of logical processors. */
  readonly processors: number;
  /** The version of this library. */
  readonly lion: string;
  /** The version of TensorFlow.js. */
  readonly tfjs: string;
}

/** A machine and its tuning. */
export interface MachineTuning {
  /** The machine. */
  readonly machine: TunedMachine;
  /** The numbers of the machine's tuning. */
  readonly tuning: TuningNumbers;
}

/** The format of a file of tunings; other formats have other names. */
const FORMAT = "lion tunings, format 1";

/** The content of a file of tunings. */
interface TuningFile {
  readonly format: typeof FORMAT;
  readonly machines: readonly MachineTuning[];
}

/** A store of tunings. */
interface Store {
  /** The store's name, for messages. */
  readonly name: string;
  /** Reads the text that was written last; undefined if none was. */
  read(): Promise<string | undefined>;
  /** Replaces the text by a function of it, without other writers in between. */
  update(change: (text: string | undefined) => string): Promise<void>;
}

/** A store in a file; folders of the default file are created. */
function fileStore(named: string | URL | undefined): Store {
  if (typeof named === "string") assertPath("file", named);
  const file = pathOf(named ?? tuningPath());
  const read = async () => {
    try {
      return await files().readFile(file, "utf8");
    } catch (cause) {
      if (isMissing(cause)) return undefined;
      throw new Error(`${file} cannot be read: ${messageOf(cause)}`, { cause });
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

/** The key of a page's tunings in the browser's database. */
const PAGE_KEY = "lion/tuning.json";

/**
 * The store of a page's origin in the browser, which browsers refuse to some pages,
 * such as those in a frame without an origin.
 */
const PAGE_STORE: Store = {
  name: 'the database "keyval-store" of this page',
  async read() {
    const { get } = await import("idb-keyval");
    try {
      return await get<string>(PAGE_KEY);
    } catch (error) {
      const reason = `${PAGE_STORE.name} cannot be read: ${messageOf(error)}`;
      warnOnce("page's tunings", `no tuning is used: ${reason}`);
      return undefined;
    }
  },
  async update(change) {
    const { update } = await import("idb-keyval");
    try {
      // The update is one transaction, for which other pages wait.
      await update<string>(PAGE_KEY, change);
    } catch (cause) {
      throw new Error(
        `${PAGE_STORE.name} cannot be written: ${messageOf(cause)}`,
        { cause },
      );
    }
  },
};

/** The store in a named file; without a name, in the default file or a page's browser. */
function storeOf(file: string | URL | undefined): Store {
  return file === undefined && "indexedDB" in globalThis
    ? PAGE_STORE
    : fileStore(file);
}

/** The machine that a backend runs on. */
export function machineOf({ name, adapter }: TunedBackend): TunedMachine {
  return {
    backend: name,
    adapter: adapter ? adapterName(adapter) : null,
    // Node before 21 has no navigator.
    runtime: globalThis.navigator?.userAgent ?? "unknown",
    processors: processors(),
    lion: VERSION,
    tfjs: tf.version_core,
  };
}

/**
 * The path of the file in which `deno task tune` stores tunings, and
 * {@linkcode cachedTuning} looks for them: `lion/tuning.json` in the user's folder
 * for caches.
 *
 * @throws {Error} If there is no file system, or no variable that names such a folder.
 */
export function tuningPath(): string {
  const environment = nodeModule("node:process")?.env;
  if (!environment) {
    throw new Error(
      "tunings are stored in files, or in IndexedDB in pages, and there is " +
        "neither here; pass the numbers themselves to useBackend()",
    );
  }
  const { XDG_CACHE_HOME, LOCALAPPDATA, HOME } = environment;
  // An empty variable counts as an unset one.
  const folder = XDG_CACHE_HOME || LOCALAPPDATA || (HOME && `${HOME}/.cache`);
  if (folder) return `${folder}/lion/tuning.json`;
  throw new Error(
    "none of XDG_CACHE_HOME, LOCALAPPDATA and HOME is set to locate caches; " +
      "name a file",
  );
}

/**
 * Finds the tuning that {@linkcode saveTuning} or `deno task tune` stored for
 * this machine, for the option `tuning` of `useBackend`. If there is none for
 * this machine, runtime and version of the library, kernels keep their own
 * numbers; {@linkcode BackendInfo.tuning} tells which are in use.
 *
 * In Deno, it needs `--allow-read` for the file and, if no file is named,
 * `--allow-env` for XDG_CACHE_HOME, LOCALAPPDATA and HOME. In a web page,
 * tunings are in IndexedDB, shared by all pages of its origin; where the browser
 * denies a page its database, a warning says so, and there is none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { useBackend } from "@lionjs/lion";
 * import { cachedTuning, saveTuning } from "@lionjs/lion/tuning";
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
 * @param file The file's path or URL. A named file must exist.
 * @default `lion/tuning.json` in the user's folder for caches, or IndexedDB
 * @returns The tuning of the backend that will start. `useBackend` reads the
 * file then, and throws an Error that names it if it does not contain tunings.
 */
export function cachedTuning(file?: string | URL): Tuning {
  return asTuning(findTuning(file));
}

/** The function behind the opaque type of {@linkcode cachedTuning}. */
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
 * Stores a tuning of the machine that a backend runs on in a file, next to
 * those of other machines, or, in a web page, in IndexedDB if no file is named.
 * Concurrent processes and calls wait for each other, by a file of the same
 * name and `.lock`.
 *
 * @example Storing a tuning from JSON for this machine
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { useBackend } from "@lionjs/lion";
 * import { cachedTuning, saveTuning } from "@lionjs/lion/tuning";
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
 * @param file The file's path or URL; folders of the default file are created.
 * @default `lion/tuning.json` in the user's folder for caches, or IndexedDB
 * @throws {TypeError | RangeError} If the numbers are not valid, or the backend has no
 * name.
 * @throws {Error} If the file cannot be written, does not contain tunings, or
 * another process writes to it for more than ten seconds; the message names it.
 */
export async function saveTuning(
  backend: Pick<BackendInfo, "name" | "adapter">,
  tuning: Tuning,
  file?: string | URL,
): Promise<void> {
  assertNamed("backend", backend);
  // A file with a backend that has no name could not be read again.
  assertText("backend.name", backend.name);
  await saveNumbers(backend, sourceOf(tuning) as TuningNumbers, file);
}

/** Stores the numbers of a tuning, as {@linkcode saveTuning} does. */
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

/** A text that identifies a machine. */
function identityOf(machine: TunedMachine): string {
  return JSON.stringify(Object.entries(machine).sort());
}

/**
 * Parses the machines and tunings of a store.
 *
 * @param text The store's content.
 * @param name The store's name.
 * @throws {Error} If the content is not one of tunings; the message names the store.
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
    throw new Error(
      `${name} holds no tunings: ${
        messageOf(cause)
      }; name another file, or remove it and tune again`,
      { cause },
    );
  }
}

/** The kinds that each property of a machine may have. */
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
