/** The notices that ranks send each other besides their values. @module */
import type { Caller, Request } from "./caller.ts";
import type { RankNumbers } from "@lionjs/base";
import { type Call, CODE_LENGTH, codeOf } from "./call.ts";

import { memoryOf, typeOf } from "./handles.ts";

export type Notice =
  /** The notice that an operation has failed on a rank, and with it those of all others. */
  | {
    readonly kind: "failed";
    readonly from: number;
    /** Whether calls of ranks differ; else one of them has failed. */
    readonly isDifference: boolean;
    readonly text: string;
  }
  /** The notice that this rank waits for a message, which the other must send or receive. */
  | Waiting
  /** The notice that a rank has failed and is to close, after `called` collective operations. */
  | { readonly kind: "last"; readonly from: number; readonly called: number }
  /** The notices of a rank that waits long, and of one that hears it. */
  | { readonly kind: "asks" | "answers"; readonly from: number };

/** The notice of a rank that waits for another. */
export interface Waiting {
  readonly kind: "waiting";
  readonly from: number;
  /** Whether the rank waits inside an exchange, in which it does nothing else. */
  readonly isExchange: boolean;
  /** The event that the rank waits for: that the other rank has sent, or received. */
  readonly until: "sent" | "received";
  /** The number of messages in that direction that the rank has begun with the other. */
  readonly count: number;
  /** The number of collective operations that the rank has called. */
  readonly called: number;
}

const KINDS = ["failed", "waiting", "last", "asks", "answers"] as const;
const UNTIL = ["sent", "received"] as const;

/** Bytes of every notice, the same for all, so that a receiver knows the length. */
const BYTES = 1024;

/** The count of numbers in a notice, before its text. */
const NUMBERS = 6;

/** The tag of notices; values have others. */
const TAG = 0;

/** The number of further tags that the standard guarantees. */
const TAGS = 32_767;

/** A duplicate of the world communicator, so that notices are never mistaken for a caller's messages. */
export class SideChannel {
  readonly #caller: Caller;
  readonly #rank: number;
  readonly #size: number;
  /** The MPI handle of the duplicate. */
  readonly #made: bigint;
  /** The requests of notices that MPI has not sent yet. */
  readonly #sending = new Set<Request>();

  /** Duplicates the world communicator, a collective call of all ranks. */
  constructor(caller: Caller, rank: number, size: number) {
    this.#caller = caller;
    this.#rank = rank;
    this.#size = size;
    const { functions, handles: { world } } = caller;
    const made = new BigUint64Array(new ArrayBuffer(8));
    caller.check("MPI_Comm_dup", functions.MPI_Comm_dup(world, made));
    this.#made = made[0]!;
  }

  /** Begins to exchange the descriptions of their calls among all ranks. */
  compare(
    call: Call,
  ): { readonly request: Request; readonly codes: Int32Array } {
    const { functions, handles } = this.#caller;
    const own = codeOf(call);
    const codes = new Int32Array(new ArrayBuffer(4 * CODE_LENGTH * this.#size));
    const type = handles.types["Int32Array"]!;
    const request = this.#caller.begin(
      "MPI_Iallgather",
      [own, codes],
      (request) =>
        functions.allgatherOfMade(
          ...[own, CODE_LENGTH, type, codes, CODE_LENGTH, type] as const,
          ...[this.#made, request] as const,
        ),
    );
    return { request, codes };
  }

  /** Sends a notice to a rank. */
  tell(to: number, notice: Notice): void {
    const { functions, handles } = this.#caller;
    const bytes = new Uint8Array(new ArrayBuffer(BYTES));
    write(bytes, notice);
    const type = handles.types["Uint8Array"]!;
    const request = this.#caller.begin(
      "MPI_Isend",
      bytes,
      (request) =>
        functions.sendOfMade(
          ...[bytes, BYTES, type, to, TAG, this.#made, request] as const,
        ),
    );
    this.#sending.add(request);
  }

  /** Sends a notice to all other ranks. */
  tellAll(notice: Notice): void {
    for (let to = 0; to < this.#size; to++) {
      if (to !== this.#rank) this.tell(to, notice);
    }
  }

  /** Receives a notice, if one has arrived. */
  hear(): Notice | undefined {
    const { functions, handles } = this.#caller;
    const { anySource, statusIgnore, types } = handles;
    const isThere = this.#caller.asks(
      "MPI_Iprobe",
      (flag) =>
        functions.probeOfMade(anySource, TAG, this.#made, flag, statusIgnore),
    );
    if (!isThere) return undefined;
    const bytes = new Uint8Array(new ArrayBuffer(BYTES));
    const request = this.#caller.begin(
      "MPI_Irecv",
      bytes,
      (request) =>
        functions.receiveOfMade(
          ...[bytes, BYTES, types["Uint8Array"]!] as const,
          ...[anySource, TAG, this.#made, request] as const,
        ),
    );
    // The notice has arrived, so this ends at once.
    while (!this.#caller.hasEnded(request));
    return read(bytes);
  }

  /** Begins to send the values of a long message; `index` counts the messages to a rank. */
  send(values: RankNumbers, to: number, index: number): Request {
    return this.#pass("MPI_Isend", "sendOfMade", values, to, index);
  }

  /** Begins to receive the values of a long message. */
  receive(room: RankNumbers, from: number, index: number): Request {
    return this.#pass("MPI_Irecv", "receiveOfMade", room, from, index);
  }

  #pass(
    call: string,
    name: "sendOfMade" | "receiveOfMade",
    values: RankNumbers,
    peer: number,
    index: number,
  ): Request {
    const { functions, handles } = this.#caller;
    const memory = memoryOf(values), type = typeOf(handles, values);
    const tag = TAG + 1 + index % TAGS;
    return this.#caller.begin(
      call,
      memory,
      (request) =>
        functions[name](
          ...[memory, values.length, type, peer, tag] as const,
          ...[this.#made, request] as const,
        ),
    );
  }

  /** Whether MPI has sent all notices of this rank. */
  hasSentAll(): boolean {
    for (const request of this.#sending) {
      if (this.#caller.hasEnded(request)) this.#sending.delete(request);
    }
    return this.#sending.size === 0;
  }
}

function write(bytes: Uint8Array<ArrayBuffer>, notice: Notice): void {
  const numbers = new Int32Array(bytes.buffer, 0, NUMBERS);
  numbers[0] = KINDS.indexOf(notice.kind);
  numbers[1] = notice.from;
  switch (notice.kind) {
    case "failed": {
      const room = bytes.subarray(4 * NUMBERS);
      numbers[2] = new TextEncoder().encodeInto(notice.text, room).written;
      numbers[3] = Number(notice.isDifference);
      break;
    }
    case "waiting":
      numbers[2] = Number(notice.isExchange);
      numbers[3] = UNTIL.indexOf(notice.until);
      numbers[4] = notice.count;
      numbers[5] = notice.called;
      break;
    case "last":
      numbers[2] = notice.called;
  }
}

function read(bytes: Uint8Array<ArrayBuffer>): Notice {
  const [kind, from, a, b, c, d] = new Int32Array(
    bytes.buffer,
    0,
    NUMBERS,
  ) as unknown as [number, number, number, number, number, number];
  const name = KINDS[kind]!;
  switch (name) {
    case "asks":
    case "answers":
      return { kind: name, from };
    case "failed": {
      const start = 4 * NUMBERS;
      const text = new TextDecoder().decode(bytes.subarray(start, start + a));
      return { kind: "failed", from, isDifference: Boolean(b), text };
    }
    case "waiting": {
      const [isExchange, until] = [Boolean(a), UNTIL[b]!];
      return { kind: "waiting", from, isExchange, until, count: c, called: d };
    }
    case "last":
      return { kind: "last", from, called: a };
  }
}
