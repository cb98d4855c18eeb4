/**
 * A library in a process of its own, which times single runs when asked, so that
 * they alternate with ours and only one side computes at a time. torch_peer.py
 * says what it is asked.
 *
 * @module
 */

/** OpenBLAS's threads spin for about 30 ms after their work, and ours a little. */
const REST_MILLISECONDS = 60;

/** Lets the threads of others fall asleep. */
export function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, REST_MILLISECONDS));
}

/** An array with a shape. */
export interface NamedArray {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** What the peer is to compute; torch_peer.py says what each work wants. */
export interface PeerWork {
  readonly work:
    | "attention"
    | "matmul"
    | "training"
    | "operation"
    | "model"
    | "exported"
    | "case";
  readonly options: Readonly<Record<string, unknown>>;
  readonly tensors: readonly NamedArray[];
}

/** A process that has said which version it has. */
export interface StartedProcess {
  readonly library: string;
  readonly child: Deno.ChildProcess;
  readonly answers: AsyncIterator<string>;
  readonly version: string;
  /** The widest vectors that it computes on, as it calls them; `null` if it does not say. */
  readonly vectors: string | null;
  /** Of tensors, on their way there and back. */
  readonly file: string;
}

/**
 * Starts a process, whose first line is its version or an error.
 *
 * @param library Whose it is, for messages.
 * @throws {Error} If it says so.
 */
export async function startProcess(
  library: string,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<StartedProcess> {
  const child = new Deno.Command(command, {
    ...{ args: [...args], env },
    ...{ stdin: "piped", stdout: "piped" },
  }).spawn();
  const answers = lines(child.stdout);
  const { value, done } = await answers.next();
  if (done) throw new Error(`${library} ended; its message is above`);
  const { version, vectors = null, error } = JSON.parse(value);
  if (error !== undefined) {
    await child.stdin.close().catch(() => {});
    await child.status;
    throw new Error(error);
  }
  const file = await Deno.makeTempFile();
  return { library, child, answers, version, vectors, file };
}

/** A running process; holds one computation at a time. */
export class PeerProcess implements AsyncDisposable {
  /** The library's version. */
  readonly version: string;
  /** The widest vectors that it computes on, as it calls them; `null` if it does not say. */
  readonly vectors: string | null;
  #child: Deno.ChildProcess;
  #requests: WritableStreamDefaultWriter<Uint8Array>;
  #answers: AsyncIterator<string>;
  #file: string;

  readonly #library: string;

  /** @param started What {@linkcode startProcess} returned. */
  constructor(
    { library, child, answers, version, vectors, file }: StartedProcess,
  ) {
    this.#library = library;
    this.#child = child;
    this.#requests = child.stdin.getWriter();
    this.#answers = answers;
    this.version = version;
    this.vectors = vectors;
    this.#file = file;
  }

  /** Replaces the computation that the peer holds. */
  async prepare({ work, options, tensors }: PeerWork): Promise<void> {
    const file = await Deno.create(this.#file);
    const writer = file.writable.getWriter();
    for (const { values } of tensors) await writer.write(bytesOf(values));
    await writer.close();
    await this.ask({
      work,
      options,
      tensors: tensors.map(({ name, shape }) => [name, shape]),
      file: this.#file,
    });
  }

  /** Replaces the computation, and computes a few times; the least time. */
  async prepareAndTry(work: PeerWork): Promise<number> {
    await this.prepare(work);
    await rest();
    await this.run();
    return Math.min(await this.run(), await this.run());
  }

  /** Replaces the computation by that of some which takes the least time; the time. */
  async prepareFastest(works: readonly PeerWork[]): Promise<number> {
    let [fastest, least] = [0, Infinity];
    for (const [i, work] of works.entries()) {
      const milliseconds = await this.prepareAndTry(work);
      if (milliseconds < least) [fastest, least] = [i, milliseconds];
    }
    await this.prepare(works[fastest]!);
    return least;
  }

  /** Computes once; the milliseconds without what the question takes. */
  async run(): Promise<number> {
    const { milliseconds } = await this.ask({ run: true });
    return milliseconds as number;
  }

  /** Computes once; the values. */
  async outputs(): Promise<Float32Array[]> {
    return await this.values("outputs");
  }

  /** The values that the process writes when it is asked for them. */
  protected async values(what: string): Promise<Float32Array[]> {
    const { sizes } = await this.ask({ [what]: this.#file });
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
    await this.ask({ release: true });
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#requests.close().catch(() => {});
    await this.#child.status;
    await Deno.remove(this.#file);
  }

  /** Sends a request and returns the answer. */
  protected async ask(request: object): Promise<Record<string, unknown>> {
    await this.#requests.write(
      new TextEncoder().encode(`${JSON.stringify(request)}\n`),
    );
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`${this.#library} ended; its message is above`);
    const answer = JSON.parse(value);
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }
}

/** The lines of a stream, without their ends. */
export async function* lines(
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
