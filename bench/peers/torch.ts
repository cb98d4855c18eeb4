/**
 * PyTorch on the CPU as a peer: a child process that times single runs when
 * asked, so that they alternate with ours and only one side computes at a time.
 *
 * @module
 */
import { TORCH } from "../figures.ts";
import { fileURLToPath } from "node:url";
import { findPython } from "../../tools/notebooks/jupyter.ts";
import type { Contender, Cost } from "../group.ts";

/** What to type where it is missing. */
export const HOW_TO_GET_TORCH = "deno task setup --torch";

/** OpenBLAS's threads spin for about 30 ms after their work, and ours a little. */
const REST_MILLISECONDS = 60;

function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, REST_MILLISECONDS));
}

/** An array with a shape. */
export interface NamedArray {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** What the peer is to compute; torch_peer.py says what each work wants. */
export interface TorchWork {
  readonly work: "attention" | "matmul" | "training";
  readonly options: Readonly<Record<string, unknown>>;
  readonly tensors: readonly NamedArray[];
}

/**
 * Whose all threads are: OpenBLAS's, which multiply matrices, or OpenMP's, which
 * do the rest. Two pools at once spin against each other.
 */
export type TorchPool = "OpenBLAS" | "OpenMP";

/**
 * PyTorch at its best: one pool of threads, and a malloc that keeps its pages,
 * without which the forward pass takes two to three times as long.
 */
function environment(threads: number, pool: TorchPool): Record<string, string> {
  const never = String(2 ** 32);
  return {
    OMP_NUM_THREADS: String(pool === "OpenMP" ? threads : 1),
    OPENBLAS_NUM_THREADS: String(pool === "OpenBLAS" ? threads : 1),
    MALLOC_TRIM_THRESHOLD_: never,
    MALLOC_MMAP_THRESHOLD_: never,
  };
}

/** A running PyTorch; holds one computation at a time. */
export class TorchPeer implements AsyncDisposable {
  /** PyTorch's version. */
  readonly version: string;
  #child: Deno.ChildProcess;
  #requests: WritableStreamDefaultWriter<Uint8Array>;
  #answers: AsyncIterator<string>;
  #file: string;

  private constructor(
    child: Deno.ChildProcess,
    answers: AsyncIterator<string>,
    version: string,
    file: string,
  ) {
    this.#child = child;
    this.#requests = child.stdin.getWriter();
    this.#answers = answers;
    this.version = version;
    this.#file = file;
  }

  /** Starts PyTorch; `null` where it is not installed. */
  static async start(
    threads: number,
    pool: TorchPool = "OpenBLAS",
  ): Promise<TorchPeer | null> {
    const python = await findPython("torch");
    if (python === undefined) return null;
    const script = fileURLToPath(import.meta.resolve("./torch_peer.py"));
    const child = new Deno.Command(python, {
      args: ["-B", script],
      env: environment(threads, pool),
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const answers = lines(child.stdout);
    const { version } = JSON.parse((await answers.next()).value!);
    return new TorchPeer(child, answers, version, await Deno.makeTempFile());
  }

  /** Replaces the computation that the peer holds. */
  async prepare({ work, options, tensors }: TorchWork): Promise<void> {
    const file = await Deno.create(this.#file);
    const writer = file.writable.getWriter();
    for (const { values } of tensors) await writer.write(bytesOf(values));
    await writer.close();
    await this.#ask({
      work,
      options,
      tensors: tensors.map(({ name, shape }) => [name, shape]),
      file: this.#file,
    });
  }

  /** Replaces the computation by that of some which takes the least time; its number. */
  async prepareFastest(works: readonly TorchWork[]): Promise<number> {
    let [fastest, least] = [0, Infinity];
    for (const [i, work] of works.entries()) {
      await this.prepare(work);
      await rest();
      await this.run();
      const milliseconds = Math.min(await this.run(), await this.run());
      if (milliseconds < least) [fastest, least] = [i, milliseconds];
    }
    await this.prepare(works[fastest]!);
    return fastest;
  }

  /** Computes once; the milliseconds without what the question takes. */
  async run(): Promise<number> {
    const { milliseconds } = await this.#ask({ run: true });
    return milliseconds as number;
  }

  /** Computes once; the values. */
  async outputs(): Promise<Float32Array[]> {
    const { sizes } = await this.#ask({ outputs: this.#file });
    const { buffer } = await Deno.readFile(this.#file);
    let start = 0;
    return (sizes as number[]).map((size) => {
      const values = new Float32Array(buffer, start, size);
      start += values.byteLength;
      return values;
    });
  }

  /** Frees the computation that the peer holds. */
  async release(): Promise<void> {
    await this.#ask({ release: true });
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#requests.close().catch(() => {});
    await this.#child.status;
    await Deno.remove(this.#file);
  }

  async #ask(request: object): Promise<Record<string, unknown>> {
    await this.#requests.write(
      new TextEncoder().encode(`${JSON.stringify(request)}\n`),
    );
    const { value, done } = await this.#answers.next();
    if (done) throw new Error("PyTorch ended; its message is above");
    return JSON.parse(value);
  }
}

/** A PyTorch of its own. */
export interface NamedPeer {
  /** The contender's name. */
  readonly name: string;
  readonly peer: TorchPeer;
}

/**
 * Starts a PyTorch for each name and pool, which is told after the name. Where
 * there is none, says how to get it.
 */
export async function startPeers(
  names: readonly string[],
  threads: number,
): Promise<NamedPeer[]> {
  const peers: NamedPeer[] = [];
  for (const pool of ["OpenBLAS", "OpenMP"] as const) {
    for (const name of names) {
      const peer = await TorchPeer.start(threads, pool);
      if (peer) peers.push({ name: `${name}, ${pool}`, peer });
    }
  }
  if (peers.length === 0) {
    console.log(`PyTorch is not here to compare with: ${HOW_TO_GET_TORCH}`);
  }
  return peers;
}

/** Ends their processes. */
export async function endPeers(peers: readonly NamedPeer[]): Promise<void> {
  for (const { peer } of peers) await peer[Symbol.asyncDispose]();
}

/** The computation that a peer holds, to be timed beside ours. */
export function torchContender(
  peer: TorchPeer,
  check: (outputs: Float32Array[]) => string | null,
  cost?: Cost,
  name = TORCH,
): Contender {
  return {
    name,
    check: async () => check(await peer.outputs()),
    run: () => peer.run(),
    pause: rest,
    ...(cost ? { cost } : {}),
  };
}

async function* lines(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
