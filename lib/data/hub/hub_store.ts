/** The store of the hub's cached files. @module */
import type { RandomAccess } from "../../data/bytes/random_access.ts";
import type { HubFile } from "./tree.ts";

/** A cached file, whole and verified. */
export interface KeptFile {
  /** The file's path; in a page, the address of a Blob, a new one for each call. */
  location(): string;
  access(): Promise<RandomAccess>;
}

/** The cached files of one repository. */
export interface HubStore {
  /** The store's name in messages. */
  readonly name: string;
  /** Reads a text such as `refs/main`; `undefined` if there is none. */
  readText(name: string): Promise<string | undefined>;
  /** Writes a text such as `refs/main` as a whole or not at all. */
  writeText(name: string, text: string): Promise<void>;
  /** Finds a cached file; if its entry is given, only one of the entry's size. */
  find(
    commit: string,
    path: string,
    entry?: HubFile,
  ): Promise<KeptFile | undefined>;
  /** The paths of the cached files of a commit. */
  pathsOf(commit: string): Promise<string[]>;
  /** Returns a file, which is downloaded unless it is cached. */
  keep(
    commit: string,
    file: HubFile,
    onBytes: (bytes: number) => void,
  ): Promise<KeptFile>;
}
