/** The communicator of an MPI job's ranks. @module */
import type {
  Communicator,
  ContextGroup,
  Peers,
  RankNumbers,
  Reduction,
} from "@lionjs/base";
import type { Call } from "./call.ts";
import { Caller } from "./caller.ts";
import { memoryOf, typeOf } from "./handles.ts";
import type { Library } from "./library.ts";
import { type Delivery, Mail } from "./mail.ts";
import { waitForReader } from "./output.ts";
import { SideChannel } from "./side_channel.ts";
import type { Handle } from "./symbols.ts";
import { type Advance, Watch } from "./watch.ts";

/** The most elements of a message: MPI's counts are C's int. */
const LARGEST_COUNT = 2 ** 31 - 1;

/** The largest tag of a caller's message; the standard's last, one more, is that of exchanges. */
const LARGEST_TAG = 32_766;

const EXCHANGE_TAG = LARGEST_TAG + 1;

/** The memory, count and MPI type of a message's values. */
interface Message {
  readonly memory: Uint8Array<ArrayBuffer>;
  readonly count: number;
  readonly type: Handle;
}

/**
 * The communicator of all processes of an MPI job; see {@linkcode openMpi}.
 *
 * @example Gathering numbers on the first rank
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
export class MpiCommunicator implements Communicator, ContextGroup {
  /** The rank of this process, from 0. */
  readonly rank: number;
  /** The number of ranks in the job. */
  readonly size: number;
  /**
   * The index of this rank among those on the same machine, from 0, to assign
   * GPUs or cores.
   */
  readonly localRank: number;
  /** The MPI library's name and version, such as "Open MPI v5.0.7". */
  readonly version: string;
  /** The path of the library's file. */
  readonly library: string;
  readonly #caller: Caller;
  readonly #watch: Watch;
  readonly #mail: Mail;
  /** Whether {@linkcode close} was called, after which MPI cannot be used. */
  #closed = false;

  /** Makes the communicator of an initialised MPI; {@linkcode openMpi} calls it. */
  constructor(library: Library) {
    const caller = new Caller(library);
    this.#caller = caller;
    this.version = library.version;
    this.library = library.path;
    const { functions, handles: { world, errorsReturn } } = caller;
    caller.check(
      "MPI_Comm_set_errhandler",
      functions.MPI_Comm_set_errhandler(world, errorsReturn),
    );
    const number = new Int32Array(1);
    caller.check("MPI_Comm_rank", functions.MPI_Comm_rank(world, number));
    this.rank = number[0]!;
    caller.check("MPI_Comm_size", functions.MPI_Comm_size(world, number));
    this.size = number[0]!;
    this.localRank = this.#rankOnMachine();
    const channel = new SideChannel(caller, this.rank, this.size);
    this.#watch = new Watch(caller, channel, this);
    this.#mail = new Mail(caller, channel, this.#watch, this.rank);
  }

  /** Whether {@linkcode close} was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Replaces the values with their sums, maxima or minima over all ranks.
   *
   * @param values An array of the same kind and length on each rank.
   * @returns `values`.
   * @throws {RangeError} On all ranks, if their calls differ.
   */
  async allreduce<T extends RankNumbers>(
    values: T,
    reduction: Reduction = "sum",
  ): Promise<T> {
    const { functions, handles } = this.#caller;
    const { world, inPlace, reductions } = handles;
    const { memory, count, type } = this.#message(values);
    if (!Object.hasOwn(reductions, reduction)) {
      throw new RangeError(
        `reduction should be sum, max or min, got ${reduction}`,
      );
    }
    await this.#together(
      { name: "allreduce", ...kindOf(values), reduction },
      "MPI_Iallreduce",
      values,
      (request) =>
        functions.MPI_Iallreduce(
          ...[inPlace, memory, count, type, reductions[reduction]] as const,
          ...[world, request] as const,
        ),
    );
    return values;
  }

  /**
   * Replaces the values with those of rank `root`.
   *
   * @param values An array of the same kind and length on each rank.
   * @returns `values`.
   * @throws {RangeError} On all ranks, if their calls differ.
   */
  async broadcast<T extends RankNumbers>(values: T, root = 0): Promise<T> {
    const { memory, count, type } = this.#message(values);
    this.#assertRank("root", root);
    const { functions, handles: { world } } = this.#caller;
    await this.#together(
      { name: "broadcast", ...kindOf(values), root },
      "MPI_Ibcast",
      values,
      (request) =>
        functions.MPI_Ibcast(memory, count, type, root, world, request),
    );
    return values;
  }

  /**
   * Gathers the values of all ranks on rank `root`.
   *
   * @param values An array of the same kind and length on each rank.
   * @returns On rank `root`, the values of all ranks, in the order of ranks;
   * `undefined` elsewhere.
   * @throws {RangeError} On all ranks, if their calls differ.
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
    const { functions, handles: { world } } = this.#caller;
    await this.#together(
      { name: "gather", ...kindOf(values), root },
      "MPI_Igather",
      [values, all],
      (request) =>
        functions.MPI_Igather(
          ...[memory, count, type, to, count, type] as const,
          ...[root, world, request] as const,
        ),
    );
    return all;
  }

  /**
   * Sums the values over the ranks below this one (an exclusive scan).
   *
   * @param values An array of the same kind and length on each rank.
   * @returns The sums, an array of the same kind; zeros on rank 0.
   * @throws {RangeError} On all ranks, if their calls differ.
   */
  async exscan<T extends RankNumbers>(values: T): Promise<T> {
    const { memory, count, type } = this.#message(values);
    const sums = new (values.constructor as new (length: number) => T)(count);
    const to = this.#message(sums).memory;
    const { functions, handles: { world, reductions } } = this.#caller;
    await this.#together(
      { name: "exscan", ...kindOf(values) },
      "MPI_Iexscan",
      [values, sums],
      (request) =>
        functions.MPI_Iexscan(
          ...[memory, to, count, type, reductions.sum, world, request] as const,
        ),
    );
    // The standard leaves the result on rank 0 undefined.
    if (this.rank === 0) sums.fill(0);
    return sums;
  }

  /**
   * Waits until all ranks have called this.
   *
   * @throws {RangeError} On all ranks, if their calls differ.
   */
  async barrier(): Promise<void> {
    await this.#barrier("barrier");
  }

  /**
   * Sends values to a rank. Do not change the array until the promise settles.
   *
   * @param tag A number from 0 to 32766, by which the receiver tells messages apart.
   * @throws {RangeError} If the receiver expects a different kind or number of
   * values; then all ranks throw in their next operation.
   */
  async send(values: RankNumbers, to: number, tag = 0): Promise<void> {
    this.#message(values);
    this.#assertRank("to", to);
    assertTag(tag);
    const how = { isExchange: false, about: "", tag } as const;
    const delivery = { ...how, until: "received", peer: to } as const;
    await this.#watch.until(this.#mail.send(values, delivery), delivery);
  }

  /**
   * Fills the array with the values that a rank has sent under the tag.
   *
   * @param values An array of the same kind and length as that sent.
   * @returns `values`.
   * @throws {RangeError} If a different kind or number of values was sent; then
   * all ranks throw in their next operation.
   */
  async receive<T extends RankNumbers>(
    values: T,
    from: number,
    tag = 0,
  ): Promise<T> {
    this.#message(values);
    this.#assertRank("from", from);
    assertTag(tag);
    const how = { isExchange: false, about: "", tag } as const;
    const delivery = { ...how, until: "sent", peer: from } as const;
    const advance = this.#mail.receive(values, delivery, (came) => {
      if (came !== values) values.set(came);
    });
    await this.#watch.until(advance, delivery);
    return values;
  }

  /**
   * Sends values to one rank, receives as many from another, and waits until
   * both are done. This blocks the event loop, as a computation does.
   *
   * @param values The values to send, equally many on each rank.
   * @param peers The ranks to send to and receive from, or one of them.
   * @param about A description of the values, the same on both ranks.
   * @default about ""
   * @returns The values received; zeros without `from`.
   * @throws {RangeError} If the two ranks' calls do not match; then all ranks
   * throw in their next operation.
   */
  exchange(
    values: Float32Array,
    { to, from }: Peers,
    about = "",
  ): Float32Array {
    this.#message(values);
    if (from !== undefined) this.#assertRank("from", from);
    if (to !== undefined) this.#assertRank("to", to);
    const received = new Float32Array(values.length);
    const begun: [Advance, Delivery][] = [];
    const how = { isExchange: true, tag: EXCHANGE_TAG, about } as const;
    if (from !== undefined) {
      const delivery = { ...how, until: "sent", peer: from } as const;
      const advance = this.#mail.receive(received, delivery, (came) => {
        if (came !== received) received.set(came);
      });
      begun.push([advance, delivery]);
    }
    if (to !== undefined) {
      const delivery = { ...how, until: "received", peer: to } as const;
      begun.push([this.#mail.send(values, delivery), delivery]);
    }
    for (const [advance, delivery] of begun) {
      this.#watch.untilNow(advance, delivery);
    }
    return received;
  }

  /**
   * Tells the other ranks why this one has failed, before it calls something
   * that they do not, such as {@linkcode close}. Ranks that wait for a message
   * from it throw the reason, and then all can only close. If all ranks have
   * failed, they can continue together; the next collective operation clears
   * the failure.
   *
   * @param reason The message of the error, which follows this rank's number.
   */
  failed(reason: string): void {
    this.#watch.reason = `rank ${this.rank} failed: ${reason}`;
  }

  /**
   * Ends MPI: the last call on each rank, which waits for all ranks, even after
   * a failure. Don't call it in `finally`, where its error would hide the first
   * one.
   *
   * @throws {Error} If an operation has not ended.
   * @throws {RangeError} If other ranks call something else; then they throw
   * too, and `close` can be called again. Also if a rank has failed and no
   * operation here has thrown that yet; then MPI has ended.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    const watch = this.#watch;
    let { unheard } = watch;
    if (!watch.hasFailed) {
      if (watch.open > 0) {
        throw new Error(
          `close should be called when all operations have ended, got ${watch.open} that have not; await them first`,
        );
      }
      try {
        // MPI_Finalize may block, and would stop this process's timers.
        await this.#barrier("close");
      } catch (error) {
        if (!watch.hasFailed) throw error;
        unheard = error as Error;
      }
    }
    if (watch.hasFailed) await watch.settle(() => this.#mail.discard());
    const { functions } = this.#caller;
    this.#caller.check("MPI_Finalize", functions.MPI_Finalize());
    this.#closed = true;
    if (unheard) throw unheard;
  }

  /**
   * Ends all ranks immediately, whatever they are doing, with an exit code.
   *
   * @param code The exit code, from 1 to 255. @default 1
   */
  abort(code = 1): never {
    const { functions, handles: { world } } = this.#caller;
    waitForReader(functions);
    functions.MPI_Abort(world, code);
    Deno.exit(code);
  }

  /** Finds {@linkcode localRank}; a collective call of all ranks. */
  #rankOnMachine(): number {
    const { functions, handles } = this.#caller;
    const { world, typeShared, infoNull } = handles;
    const made = new BigUint64Array(new ArrayBuffer(8));
    const number = new Int32Array(1);
    this.#caller.check(
      "MPI_Comm_split_type",
      functions.MPI_Comm_split_type(world, typeShared, 0, infoNull, made),
    );
    this.#caller.check("MPI_Comm_rank", functions.rankOfMade(made[0]!, number));
    this.#caller.check("MPI_Comm_free", functions.MPI_Comm_free(made));
    return number[0]!;
  }

  #message(values: RankNumbers): Message {
    this.#assertOpen();
    const type = typeOf(this.#caller.handles, values);
    if (values.length > LARGEST_COUNT) {
      throw new RangeError(
        `values should be at most ${LARGEST_COUNT}, got ${values.length}; exchange them in parts`,
      );
    }
    return { memory: memoryOf(values), count: values.length, type };
  }

  #assertRank(name: string, rank: number): void {
    if (Number.isInteger(rank) && rank >= 0 && rank < this.size) return;
    throw new RangeError(
      `${name} should be a rank from 0 to ${this.size - 1}, got ${rank}`,
    );
  }

  /** Runs a collective operation; its arrays stay alive until its end. */
  async #together(
    call: Call,
    name: string,
    arrays: unknown,
    start: (request: BigUint64Array<ArrayBuffer>) => number,
  ): Promise<void> {
    this.#assertOpen();
    const begin = () => this.#caller.begin(name, arrays, start);
    await this.#watch.together(call, begin);
  }

  async #barrier(name: "barrier" | "close"): Promise<void> {
    const { functions, handles: { world } } = this.#caller;
    await this.#together(
      { name },
      "MPI_Ibarrier",
      undefined,
      (request) => functions.MPI_Ibarrier(world, request),
    );
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    throw new Error("MPI is closed; call close() after all other operations");
  }
}

/** The constructor and length of an array, by which calls are compared. */
function kindOf(values: RankNumbers): Pick<Call, "kind" | "count"> {
  return { kind: values.constructor.name, count: values.length };
}

function assertTag(tag: number): void {
  if (Number.isInteger(tag) && tag >= 0 && tag <= LARGEST_TAG) return;
  throw new RangeError(
    `tag should be an integer from 0 to ${LARGEST_TAG}, got ${tag}`,
  );
}
