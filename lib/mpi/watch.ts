/**
 * Detection of mismatched calls, by notices of the ranks that wait, so that no
 * rank waits forever for one that does something else.
 *
 * A collective operation begins with each rank's description of its call, a
 * message that is the same for all operations: so if calls differ, all ranks
 * know before a value is sent. A message from rank to rank has an envelope; a
 * rank that finds an unexpected one tells all ranks. A rank that waits long for
 * a message reminds the one from which it should come; if that one is in a
 * collective operation, and so waits for this rank, it tells all of them.
 *
 * @module
 */
import { assertSameCall, type Call, describe } from "./call.ts";
import type { Caller, Request } from "./caller.ts";
import { poll, pollNow } from "./request.ts";
import { RollCall } from "./roll_call.ts";
import type { SideChannel, Waiting } from "./side_channel.ts";

/** How long a rank waits for a message before it reminds the other rank. */
const MILLISECONDS_OF_PATIENCE = 250;

/** Advances an operation; returns whether it has ended. */
export type Advance = () => boolean;

/** A message that passes between this rank and another. */
export interface Passage {
  /** Whether this process is blocked until the message has passed. */
  readonly isExchange: boolean;
  /** The event that this rank waits for: that the other rank has sent, or received. */
  readonly until: Waiting["until"];
  /** The other rank. */
  readonly peer: number;
}

/** A collective operation, and its index among all of them. */
interface Turn {
  readonly call: Call;
  readonly index: number;
}

/** The numbers of messages begun with each other rank. */
type Counts = Readonly<Record<Waiting["until"], Map<number, number>>>;

const noCounts = (): Counts => ({ sent: new Map(), received: new Map() });

/** The watch of one rank over its operations and those of the others. */
export class Watch {
  readonly #caller: Caller;
  readonly #rank: number;
  readonly #size: number;
  /** The channel for notices; undefined if this rank is the only one. */
  readonly #channel: SideChannel | undefined;
  /** Names the ranks that keep this one waiting. */
  readonly #rollCall: RollCall;
  /** The operations that have not ended, each receiving one with a function that cancels it. */
  readonly #open = new Map<Advance, (() => void) | undefined>();
  /** The collective operations whose values may not be sent yet, in their order. */
  readonly #unstarted: Advance[] = [];
  /** The number of collective operations that this rank has called. */
  #called = 0;
  /** The messages that this rank has begun, inside exchanges and elsewhere. */
  readonly #begun = { exchange: noCounts(), message: noCounts() };
  /** The ranks that wait for this one, by what they wait for. */
  readonly #waiting = new Map<string, Waiting>();
  /** The number of collective operations called by each rank that is to close after a failure. */
  readonly #last = new Map<number, number>();
  /** The reason why other ranks wait in vain for this one, if it has failed. */
  reason: string | undefined;
  #failure: Error | undefined;
  /** Whether the failure was thrown to the caller. */
  #isKnown = false;
  /** Whether {@linkcode settle} has ended, after which MPI may not be called. */
  #hasSettled = false;

  constructor(
    caller: Caller,
    channel: SideChannel,
    { rank, size }: { readonly rank: number; readonly size: number },
  ) {
    this.#caller = caller;
    this.#rank = rank;
    this.#size = size;
    if (size > 1) this.#channel = channel;
    this.#rollCall = new RollCall(channel, rank, size);
  }

  /** The number of operations that have not ended. */
  get open(): number {
    return this.#open.size;
  }

  /** Whether a failure has ended all exchange between ranks. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** The failure, unless it was already thrown to the caller. */
  get unheard(): Error | undefined {
    return this.#isKnown ? undefined : this.#failure;
  }

  /**
   * Makes all ranks throw, whatever they wait for.
   *
   * @returns The error that this rank throws.
   */
  raise(failure: Error): Error {
    this.#isKnown = true;
    if (this.#failure) return this.#failure;
    this.#failure = failure;
    const isDifference = failure instanceof RangeError;
    const reported = { from: this.#rank, isDifference, text: failure.message };
    this.#channel?.tellAll({ kind: "failed", ...reported });
    return failure;
  }

  /**
   * Runs a collective operation, which begins once all ranks make the same call.
   *
   * @throws {RangeError} On all ranks, if their calls differ.
   */
  async together(call: Call, begin: () => Request): Promise<void> {
    this.#hears();
    const compared = this.#channel?.compare(call);
    const turn = { call, index: ++this.#called };
    let request: Request | undefined;
    const advance = () => {
      if (!request) {
        // All ranks must begin collective operations in the same order.
        if (this.#unstarted[0] !== advance) return false;
        if (compared && !this.#caller.hasEnded(compared.request)) return false;
        this.#unstarted.shift();
        if (compared) assertSameCall(compared.codes);
        request = begin();
      }
      return this.#caller.hasEnded(request);
    };
    this.#unstarted.push(advance);
    this.#open.set(advance, undefined);
    // After close(), nobody would receive an answer.
    const askWhoIsThere = call.name === "close"
      ? () => {}
      : this.#rollCall.while(describe(call));
    await poll(() => {
      if (this.#advances(advance) || this.#hears(turn)) return true;
      askWhoIsThere();
      return false;
    });
    this.reason = undefined;
  }

  /**
   * Begins to send or receive a message.
   *
   * @param begin Begins it; returns how it advances, and how it is cancelled.
   */
  pass(
    passage: Passage,
    begin: () => { advance: Advance; cancel?: () => void },
  ): Advance {
    this.#hears();
    const counts = this.#ownCounts(passage);
    counts.set(passage.peer, (counts.get(passage.peer) ?? 0) + 1);
    const { advance, cancel } = begin();
    this.#open.set(advance, cancel);
    return advance;
  }

  /** Adds an operation for which {@linkcode settle} waits. */
  add(advance: Advance): void {
    this.#open.set(advance, undefined);
  }

  /** Waits until a message has ended; other work goes on meanwhile. */
  async until(advance: Advance, passage: Passage): Promise<void> {
    const remind = this.#reminder(passage);
    await poll(() => this.#advances(advance) || this.#hears() || remind());
  }

  /** Blocks until a message has ended; nothing else in this process runs meanwhile. */
  untilNow(advance: Advance, passage: Passage): void {
    const remind = this.#reminder(passage);
    pollNow(() => this.#advances(advance) || this.#hears() || remind());
  }

  /**
   * Ends the operations that a failure has left open; all ranks call it.
   *
   * @param discard Receives messages that no call receives, whose senders wait for that.
   */
  async settle(discard: () => void): Promise<void> {
    const channel = this.#channel;
    if (!channel) return;
    channel.tellAll({ kind: "last", from: this.#rank, called: this.#called });
    await poll(() => {
      this.#listen();
      return this.#last.size === this.#size - 1;
    });
    // Some ranks have called operations that others have not.
    const most = Math.max(this.#called, ...this.#last.values());
    while (this.#called < most) {
      this.#called++;
      const { request } = channel.compare({ name: "end" });
      this.add(() => this.#caller.hasEnded(request));
    }
    for (const cancel of this.#open.values()) cancel?.();
    const work = () => {
      for (const advance of this.#open.keys()) {
        try {
          this.#advances(advance);
        } catch {
          // The operation has ended, and its caller knows of the failure.
        }
      }
      this.#listen();
      discard();
      return this.#open.size === 0;
    };
    await poll(() => work() && channel.hasSentAll());
    // Until all ranks reach this barrier, there may be messages to discard.
    const { functions, handles: { world } } = this.#caller;
    const barrier = this.#caller.begin(
      "MPI_Ibarrier",
      undefined,
      (request) => functions.MPI_Ibarrier(world, request),
    );
    await poll(() => work() && this.#caller.hasEnded(barrier));
    this.#hasSettled = true;
  }

  /** Advances an operation, which stays open until it has ended or failed. */
  #advances(advance: Advance): boolean {
    if (this.#hasSettled) throw this.#failure;
    let isOpen = false;
    try {
      isOpen = !advance();
      return !isOpen;
    } finally {
      if (!isOpen) this.#open.delete(advance);
    }
  }

  /**
   * Receives the notices of other ranks.
   *
   * @throws {RangeError} If a failure has ended all exchange.
   */
  #hears(turn?: Turn): false {
    this.#listen();
    if (turn) this.#assertNoneWaits(turn);
    if (!this.#failure) return false;
    this.#isKnown = true;
    throw this.#failure;
  }

  #listen(): void {
    let notice;
    while ((notice = this.#channel?.hear()) !== undefined) {
      switch (notice.kind) {
        case "failed":
          this.#failure ??= notice.isDifference
            ? new RangeError(notice.text)
            : new Error(notice.text);
          break;
        case "last":
          this.#last.set(notice.from, notice.called);
          break;
        case "asks":
          this.#channel!.tell(notice.from, {
            kind: "answers",
            from: this.#rank,
          });
          break;
        case "answers":
          this.#rollCall.hear(notice.from);
          break;
        case "waiting": {
          const { from, isExchange, until } = notice;
          this.#waiting.set(`${from} ${isExchange} ${until}`, notice);
        }
      }
    }
  }

  /** Raises an error if another rank waits for a message of this one, while this one waits for it in a collective operation. */
  #assertNoneWaits({ call, index }: Turn): void {
    for (const [key, waiting] of this.#waiting) {
      const { from, isExchange, until, count, called } = waiting;
      const own = this.#countsOf(waiting)[until].get(from) ?? 0;
      if (own >= count) {
        this.#waiting.delete(key);
        continue;
      }
      // A rank that is not blocked may still make the same call later.
      if (isExchange ? called >= index : call.name !== "close") continue;
      if (this.reason !== undefined) {
        this.raise(new Error(this.reason));
        return;
      }
      const does = until === "sent" ? "send" : "receive";
      const what = isExchange ? "values in an exchange" : "a message";
      const text =
        `all ranks should call the same operations: rank ${from} waits for rank ${this.#rank} to ${does} ${what}, and rank ${this.#rank} calls ${
          describe(call)
        }`;
      this.raise(new RangeError(text));
    }
  }

  /**
   * Returns a function that, once due, reminds the other rank that this one waits for
   * it, and later asks who is there.
   */
  #reminder({ isExchange, until, peer }: Passage): () => false {
    const due = performance.now() + MILLISECONDS_OF_PATIENCE;
    const count = this.#ownCounts({ isExchange, until }).get(peer)!;
    let hasReminded = !this.#channel || peer === this.#rank;
    const does = until === "sent" ? "send" : "receive";
    const askWhoIsThere = this.#rollCall.while(
      `rank ${peer} to ${does} a message`,
    );
    return () => {
      askWhoIsThere();
      if (hasReminded || performance.now() < due) return false;
      hasReminded = true;
      const called = this.#called, from = this.#rank;
      const wait = { isExchange, until, count, called } as const;
      this.#channel!.tell(peer, { kind: "waiting", from, ...wait });
      return false;
    };
  }

  /** The counts of this rank's own messages: of receives if it waits until the other sends, else of sends. */
  #ownCounts(
    { isExchange, until }: Pick<Passage, "isExchange" | "until">,
  ): Map<number, number> {
    const counts = this.#countsOf({ isExchange });
    return until === "sent" ? counts.received : counts.sent;
  }

  #countsOf({ isExchange }: Pick<Passage, "isExchange">): Counts {
    return this.#begun[isExchange ? "exchange" : "message"];
  }
}
