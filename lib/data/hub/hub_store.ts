/** Where files of the hub are kept. @module */
import type { RandomAccess } from "../../data/bytes/random_access.ts";
import type { HubFile } from "./tree.ts";

/** A file that is kept, whole and verified. */
export interface KeptFile {
  /** Its path; in a page, the address of a Blob, which is made anew each time. */
  location(): string;
  access(): Promise<RandomAccess>;
}

/** What is kept of one repository. */
export interface HubStore {
  /** The name of the place in messages. */
  readonly name: string;
  /** Reads a text such as `refs/main`; `undefined` if there is none. */
  readText(name: string): Promise<string | undefined>;
  /** Writes such a text, whole or not at all. */
  writeText(name: string, text: string): Promise<void>;
  /** Finds a file that is kept; if its entry is given, one of that size. */
  find(
    commit: string,
    path: string,
    entry?: HubFile,
  ): Promise<KeptFile | undefined>;
  /** The paths of the files of a commit that are kept. */
  pathsOf(commit: string): Promise<string[]>;
  /** Downloads a file, unless it is kept. */
  keep(
    commit: string,
    file: HubFile,
    onBytes: (bytes: number) => void,
  ): Promise<KeptFile>;
}
