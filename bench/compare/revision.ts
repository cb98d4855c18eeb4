/** A revision of this repository, whose cases are timed in a process of its own. @module */
import { fileURLToPath, pathToFileURL } from "node:url";
import type { BackendName } from "@lionjs/lion";
import { PeerProcess, startProcess } from "../peers/peer_process.ts";

/** The tree that this file is in. */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What a worker is asked. */
export interface CaseRequest {
  /** Opens the case at this place. */
  readonly options?: { readonly at: number };
  readonly turn?: Turn;
  readonly outputs?: string;
  readonly reference?: string;
  readonly release?: true;
}

/** How long runs go on in a turn. */
export interface Turn {
  readonly milliseconds: number;
  /** Samples after which it is enough. */
  readonly most: number;
  /** A run of so many milliseconds is a turn by itself. */
  readonly long: number;
}

/** What workers are started with. */
export interface WorkerOptions {
  readonly backend: BackendName;
  readonly threads: number;
  readonly lengths: readonly number[];
}

/** A process that computes the cases of a revision. */
export class RevisionProcess extends PeerProcess {
  /**
   * Starts it.
   *
   * @param name The revision, for messages.
   * @param root The folder with its `deno.json`. @default this tree
   */
  static async start(
    name: string,
    { backend, threads, lengths }: WorkerOptions,
    root = ROOT,
  ): Promise<RevisionProcess> {
    const worker = fileURLToPath(import.meta.resolve("./worker.ts"));
    return new RevisionProcess(
      await startProcess(name, Deno.execPath(), [
        ...["run", "-A", "--quiet", "--no-check", "--no-lock"],
        ...["--config", `${root}/deno.json`, worker],
        ...[backend, `${threads}`, lengths.join()],
      ]),
    );
  }

  /** Makes the inputs of a case. */
  async open(at: number): Promise<void> {
    await this.prepare({ work: "case", options: { at }, tensors: [] });
  }

  /** Runs what is open for a turn; the milliseconds of each run. */
  async turn(turn: Turn): Promise<number[]> {
    return (await this.ask({ turn }))["times"] as number[];
  }

  /** What is open, in operations of TensorFlow.js. */
  async reference(): Promise<Float32Array[]> {
    return await this.values("reference");
  }
}

async function git(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("git", {
    args: ["-C", ROOT, ...args],
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (success) return text(stdout);
  throw new RangeError(`git ${args[0]} failed: ${text(stderr)}`);
}

/** The commit that a name of git's stands for. */
export async function commitOf(revision: string): Promise<string> {
  try {
    return await git(
      "rev-parse",
      "--verify",
      "--end-of-options",
      `${revision}^{commit}`,
    );
  } catch (error) {
    throw new RangeError(
      `--compare should be a revision of this repository, got "${revision}": ` +
        (error as Error).message,
    );
  }
}

/** The commit of this tree, and whether it is changed. */
export async function ownRevision(): Promise<string> {
  const changes = await git("status", "--porcelain", "--", "mod.ts", "lib");
  return await git("rev-parse", "HEAD") + (changes === "" ? "" : ", changed");
}

/** The files of a commit in a folder that is removed with it. */
export class CheckedOut implements AsyncDisposable {
  /** Where they are. */
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Writes them down. */
  static async of(commit: string): Promise<CheckedOut> {
    const files = new CheckedOut(await Deno.makeTempDir());
    try {
      const archive = `${files.folder}/.tar`;
      await git("archive", `--output=${archive}`, "--format=tar", commit);
      const { success, stderr } = await new Deno.Command("tar", {
        args: ["-xf", archive, "-C", files.folder],
      }).output();
      if (success) {
        await withPackages(files.folder);
        return files;
      }
      throw new Error(`tar failed: ${new TextDecoder().decode(stderr)}`);
    } catch (error) {
      await files[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Removes them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/**
 * Names this tree's packages in the configuration of a revision that has none: the
 * worker imports files of this tree, which import by these names.
 */
async function withPackages(folder: string): Promise<void> {
  const read = async (path: string) =>
    JSON.parse(await Deno.readTextFile(path));
  const config = await read(`${folder}/deno.json`);
  if (config.workspace) return;
  const { workspace } = await read(`${ROOT}/deno.json`);
  for (const member of workspace) {
    const { name, exports } = await read(`${ROOT}/${member}/deno.json`);
    for (const [entry, file] of Object.entries<string>(exports)) {
      const url = pathToFileURL(`${ROOT}/${member}/${file}`);
      config.imports[name + entry.slice(1)] = url.href;
    }
  }
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(config));
}
