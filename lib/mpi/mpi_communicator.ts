import type {
  Communicator,
  Peers,
  RankNumbers,
  Reduction,
  TokenRanks,
} from "../contract/communicator.ts";
import { type Handles, typeOf } from "./handles.ts";
import { type Library, textOf } from "./library.ts";
import { MpiError } from "./mpi_error.ts";
import { waitForReader } from "./output.ts";
import { poll, pollNow } from "./request.ts";
import type { Functions, Handle } from "./symbols.ts";

/** Counts are C's int. */
const LARGEST_COUNT = 2 ** 31 - 1;

/** The standard promises tags up to one more, which is that of exchanges. */
const LARGEST_TAG = 32_766;

const EXCHANGE_TAG = LARGEST_TAG + 1;

/** Where values are, how many, and of what type. */
interface Message {
  readonly memory: Uint8Array<ArrayBuffer>;
  readonly count: number;
  readonly type: Handle;
}

/**
 * All processes of an MPI job; see {@linkcode openMpi}.
 *
 * @example Numbers of all ranks, on the first
 * ```ts ignore
 * // mpirun -n 4 deno run --allow-ffi --allow-env program.ts
 * import { assertEquals } from "@std/assert";
 * import { type MpiCommunicator, openMpi } from "@lionjs/lion/mpi";
 *
 * // The ranks in their order, on rank 0.
 * const ranksOf = (mpi: MpiCommunicator) => mpi.gather(Int32Array.of(mpi.rank));
 * const mpi = openMpi();
 * const ranks = await ranksOf(mpi);
 * if (mpi.rank === 0) assertEquals(ranks, Int32Array.of(0, 1, 2, 3));
 * await mpi.close();
 * ```
 */
export class MpiCommunicator implements Communicator, TokenRanks {
  /** Of this process, from 0. */
  readonly rank: number;
  /** How many ranks the job has. */
  readonly size: number;
  /**
   * Among the ranks of the same machine, from 0: which of its GPUs or cores are
   * this rank's.
   */
  readonly localRank: number;
  /** What the library calls itself, such as "Open MPI v5.0.7". */
  readonly version: string;
  /** The file of the library. */
  readonly library: string;
  readonly #functions: Functions;
  readonly #handles: Handles;
  /** Whether {@linkcode close} was called, after which there is no MPI. */
  #closed = false;
  /** What MPI reads and writes, by requests that have not ended: not to be collected. */
  readonly #pending = new Map<BigUint64Array, unknown>();

  /** Where MPI says whether a request has ended. */
  readonly #flag = new Int32Array(new ArrayBuffer(4));

  /** Of an MPI that was initialised; {@linkcode openMpi} calls it. */
  constructor({ functions, handles, version, path }: Library) {
    this.#functions = functions;
    this.#handles = handles;
    this.version = version;
    this.library = path;
    const { world, errorsReturn } = handles;
    this.#check(
      "MPI_Comm_set_errhandler",
      functions.MPI_Comm_set_errhandler(world, errorsReturn),
    );
    const number = new Int32Array(1);
    this.#check("MPI_Comm_rank", functions.MPI_Comm_rank(world, number));
    this.rank = number[0]!;
    this.#check("MPI_Comm_size", functions.MPI_Comm_size(world, number));
    this.size = number[0]!;
    this.localRank = this.#rankOnMachine();
  }

  /** Whether {@linkcode close} was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Replaces the values with their sums, maxima or minima over all ranks.
   *
   * @param values As many on each rank, and of the same kind.
   * @returns `values`.
   */
  async allreduce<T extends RankNumbers>(
    values: T,
    reduction: Reduction = "sum",
  ): Promise<T> {
    const { world, inPlace, reductions } = this.#handles;
    const { memory, count, type } = this.#message(values);
    if (!Object.hasOwn(reductions, reduction)) {
      throw new RangeError(
        `reduction should be sum, max or min, got ${reduction}`,
      );
    }
    await this.#complete(
      "MPI_Iallreduce",
      values,
      (request) =>
        this.#functions.MPI_Iallreduce(
          ...[inPlace, memory, count, type, reductions[reduction]] as const,
          ...[world, request] as const,
        ),
    );
    return values;
  }

  /**
   * Replaces the values with those of rank `root`.
   *
   * @param values As many on each rank, and of the same kind.
   * @returns `values`.
   */
  async broadcast<T extends RankNumbers>(values: T, root = 0): Promise<T> {
    const { memory, count, type } = this.#message(values);
    this.#assertRank("root", root);
    const { world } = this.#handles;
    await this.#complete(
      "MPI_Ibcast",
      values,
      (request) =>
        this.#functions.MPI_Ibcast(memory, count, type, root, world, request),
    );
    return values;
  }

  /**
   * Brings the values of all ranks to rank `root`.
   *
   * @param values As many on each rank, and of the same kind.
   * @returns On rank `root` `size` times as many, in the order of ranks;
   * `undefined` elsewhere.
   */
  async gather<T extends RankNumbers>(
    values: T,
    root = 0,
  ): Promise<T | undefined> {
    const { memory, count, type } = this.#message(values);
    this.#assertRank("root", root);
    const all = this.rank === root
      ? new (values.constructor as new (length: number) => T)(
        count * this.size,
      )
      : undefined;
    const to = all ? this.#message(all).memory : null;
    const { world } = this.#handles;
    await this.#complete(
      "MPI_Igather",
      [values, all],
      (request) =>
        this.#functions.MPI_Igather(
          ...[memory, count, type, to, count, type] as const,
          ...[root, world, request] as const,
        ),
    );
    return all;
  }

  /**
   * Sums over the ranks below this one.
   *
   * @param values As many on each rank, and of the same kind.
   * @returns Of the same kind; zeros on rank 0.
   */
  async exscan<T extends RankNumbers>(values: T): Promise<T> {
    const { memory, count, type } = this.#message(values);
    const sums = new (values.constructor as new (length: number) => T)(count);
    const to = this.#message(sums).memory;
    const { world, reductions } = this.#handles;
    await this.#complete(
      "MPI_Iexscan",
      [values, sums],
      (request) =>
        this.#functions.MPI_Iexscan(
          ...[
            memory,
            to,
            count,
            type,
            reductions.sum,
            world,
            request,
          ] as const,
        ),
    );
    // The standard leaves open what rank 0 gets.
    if (this.rank === 0) sums.fill(0);
    return sums;
  }

  /** Waits until all ranks have called it. */
  async barrier(): Promise<void> {
    await this.#complete(
      "MPI_Ibarrier",
      undefined,
      (request) => this.#functions.MPI_Ibarrier(this.#handles.world, request),
    );
  }

  /**
   * Sends values to a rank; when the promise settles, they may change again.
   *
   * @param tag From 0 to 32,766, to be told from other messages.
   */
  async send(values: RankNumbers, to: number, tag = 0): Promise<void> {
    const { memory, count, type } = this.#message(values);
    this.#assertRank("to", to);
    assertTag(tag);
    const { world } = this.#handles;
    await this.#complete(
      "MPI_Isend",
      values,
      (request) =>
        this.#functions.MPI_Isend(
          ...[memory, count, type, to, tag, world, request] as const,
        ),
    );
  }

  /**
   * Fills the values with what a rank has sent under the tag.
   *
   * @param values As many as are sent, and of the same kind.
   * @returns `values`.
   * @throws {MpiError} If more were sent.
   */
  async receive<T extends RankNumbers>(
    values: T,
    from: number,
    tag = 0,
  ): Promise<T> {
    const { memory, count, type } = this.#message(values);
    this.#assertRank("from", from);
    assertTag(tag);
    const { world } = this.#handles;
    await this.#complete(
      "MPI_Irecv",
      values,
      (request) =>
        this.#functions.MPI_Irecv(
          ...[memory, count, type, from, tag, world, request] as const,
        ),
    );
    return values;
  }

  /**
   * Sends values to one rank while another sends as many, and waits until both
   * are done. Meanwhile the event loop stands still, as it does during a
   * computation.
   *
   * @param values As many on each rank.
   * @param peers The two ranks, or one of them.
   * @returns The values received; zeros without `from`.
   */
  exchange(values: Float32Array, { to, from }: Peers): Float32Array {
    const own = this.#message(values);
    const received = new Float32Array(values.length);
    const { memory, count, type } = this.#message(received);
    const { world } = this.#handles;
    const requests: [string, BigUint64Array<ArrayBuffer>][] = [];
    const begin = (
      call: "MPI_Irecv" | "MPI_Isend",
      memory: Uint8Array<ArrayBuffer>,
      rank: number,
    ) => {
      const request = new BigUint64Array(new ArrayBuffer(8));
      const code = this.#functions[call](
        ...[memory, count, type, rank, EXCHANGE_TAG, world, request] as const,
      );
      this.#check(call, code);
      this.#pending.set(request, memory);
      requests.push([call, request]);
    };
    if (from !== undefined) this.#assertRank("from", from);
    if (to !== undefined) this.#assertRank("to", to);
    if (from !== undefined) begin("MPI_Irecv", memory, from);
    if (to !== undefined) begin("MPI_Isend", own.memory, to);
    for (const [call, request] of requests) {
      try {
        pollNow(() => this.#hasEnded(call, request));
      } finally {
        this.#pending.delete(request);
      }
    }
    return received;
  }

  /**
   * Ends MPI; the last call of each rank, which waits for all of them. Not for
   * `finally`: where a rank fails the others wait for it, and a rank that closes
   * after an error would wait for them.
   *
   * @throws {Error} If an operation has not ended.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    if (this.#pending.size > 0) {
      throw new Error(
        `close should be called when all operations have ended, got ${this.#pending.size} that have not; await them first`,
      );
    }
    // MPI_Finalize may wait, and would stop this process's timers.
    await this.barrier();
    this.#check("MPI_Finalize", this.#functions.MPI_Finalize());
    this.#closed = true;
  }

  /**
   * Ends all ranks at once, whatever they do, with an exit code.
   *
   * @param code From 1 to 255. @default 1
   */
  abort(code = 1): never {
    waitForReader(this.#functions);
    this.#functions.MPI_Abort(this.#handles.world, code);
    Deno.exit(code);
  }

  /** All ranks call it. */
  #rankOnMachine(): number {
    const functions = this.#functions;
    const { world, typeShared, infoNull } = this.#handles;
    const made = new BigUint64Array(new ArrayBuffer(8));
    const number = new Int32Array(1);
    this.#check(
      "MPI_Comm_split_type",
      functions.MPI_Comm_split_type(world, typeShared, 0, infoNull, made),
    );
    this.#check("MPI_Comm_rank", functions.rankOfMade(made[0]!, number));
    this.#check("MPI_Comm_free", functions.MPI_Comm_free(made));
    return number[0]!;
  }

  #message(values: RankNumbers): Message {
    if (this.#closed) {
      throw new Error("MPI is closed; call close() after all other operations");
    }
    const type = typeOf(this.#handles, values);
    if (values.length > LARGEST_COUNT) {
      throw new RangeError(
        `values should be at most ${LARGEST_COUNT}, got ${values.length}; exchange them in parts`,
      );
    }
    // Small arrays lie among V8's objects, which move, until their buffer is asked for.
    const { buffer, byteOffset, byteLength, length } = values;
    // No bytes have no address, which Open MPI refuses even where it reads none.
    const memory = length === 0
      ? new Uint8Array(1)
      : new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
    return { memory, count: length, type };
  }

  #assertRank(name: string, rank: number): void {
    if (Number.isInteger(rank) && rank >= 0 && rank < this.size) return;
    throw new RangeError(
      `${name} should be a rank from 0 to ${this.size - 1}, got ${rank}`,
    );
  }

  /** Starts an operation, and waits for its end; its arrays stay alive so long. */
  async #complete(
    call: string,
    arrays: unknown,
    start: (request: BigUint64Array<ArrayBuffer>) => number,
  ): Promise<void> {
    if (this.#closed) {
      throw new Error("MPI is closed; call close() after all other operations");
    }
    const request = new BigUint64Array(new ArrayBuffer(8));
    this.#check(call, start(request));
    this.#pending.set(request, arrays);
    try {
      await poll(() => this.#hasEnded(call, request));
    } finally {
      this.#pending.delete(request);
    }
  }

  #hasEnded(call: string, request: BigUint64Array<ArrayBuffer>): boolean {
    const { statusIgnore } = this.#handles;
    const code = this.#functions.MPI_Test(request, this.#flag, statusIgnore);
    this.#check(call, code);
    return this.#flag[0] !== 0;
  }

  #check(call: string, code: number): void {
    if (code === 0) return;
    const text = new Uint8Array(4096), length = new Int32Array(1);
    const describe = (code: number) => {
      this.#functions.MPI_Error_string(code, text, length);
      return textOf(text, length);
    };
    const kind = new Int32Array(1);
    this.#functions.MPI_Error_class(code, kind);
    throw new MpiError(call, {
      errorClass: describe(kind[0]!),
      detail: describe(code),
    });
  }
}

function assertTag(tag: number): void {
  if (Number.isInteger(tag) && tag >= 0 && tag <= LARGEST_TAG) return;
  throw new RangeError(
    `tag should be an integer from 0 to ${LARGEST_TAG}, got ${tag}`,
  );
}
