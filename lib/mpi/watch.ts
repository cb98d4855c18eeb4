/**
 * What this rank waits for, and what it hears of the others meanwhile: so no
 * rank waits for one that does something else.
 *
 * Operations of all ranks begin with what each says that it calls, which is the
 * same message whatever the operation: ranks that differ all know it before a
 * value is sent. A message from rank to rank has an envelope, and whoever finds
 * another in it than it wants tells all ranks. A rank that waits long for a
 * message tells the one from which it should come; if that one is in an
 * operation of all ranks, and so waits for this rank, it tells all of them.
 *
 * @module
 */
import { assertSameCall, type Call, describe } from "./call.ts";
import type { Caller, Request } from "./caller.ts";
import { poll, pollNow } from "./request.ts";
import type { SideChannel, Waiting } from "./side_channel.ts";

/** After so long in which it did not come, the rank it comes from hears that it is waited for. */
const MILLISECONDS_OF_PATIENCE = 250;

/** Works on an operation; returns whether it has ended. */
export type Advance = () => boolean;

/** A message between this rank and another. */
export interface Passage {
  /** Whether this process stands still until it has ended. */
  readonly isExchange: boolean;
  /** What it waits for: that the other rank sends, or receives. */
  readonly until: Waiting["until"];
  /** The other one. */
  readonly peer: number;
}

/** An operation of all ranks, and which of them it is. */
interface Turn {
  readonly call: Call;
  readonly index: number;
}

/** How many messages were begun, by the other rank. */
type Counts = Readonly<Record<Waiting["until"], Map<number, number>>>;

const noCounts = (): Counts => ({ sent: new Map(), received: new Map() });

/** Of one rank. */
export class Watch {
  readonly #caller: Caller;
  readonly #rank: number;
  readonly #size: number;
  /** None where this rank is the only one. */
  readonly #channel: SideChannel | undefined;
  /** Operations that have not ended, and how those that receive are cancelled. */
  readonly #open = new Map<Advance, (() => void) | undefined>();
  /** Operations of all ranks whose values may not be sent yet, in their order. */
  readonly #unstarted: Advance[] = [];
  /** How many operations of all ranks were called. */
  #called = 0;
  /** What this rank has begun, inside exchanges and elsewhere. */
  readonly #begun = { exchange: noCounts(), message: noCounts() };
  /** Ranks that wait for this one, by what they wait for. */
  readonly #waiting = new Map<string, Waiting>();
  /** How many operations the ranks have called that are to close after a failure. */
  readonly #last = new Map<number, number>();
  /** Why ranks wait in vain for this one, if it has said so. */
  reason: string | undefined;
  #failure: Error | undefined;
  /** Whether the caller has heard of the failure. */
  #isKnown = false;

  constructor(
    caller: Caller,
    channel: SideChannel,
    { rank, size }: { readonly rank: number; readonly size: number },
  ) {
    this.#caller = caller;
    this.#rank = rank;
    this.#size = size;
    if (size > 1) this.#channel = channel;
  }

  /** How many operations have not ended. */
  get open(): number {
    return this.#open.size;
  }

  /** Whether nothing can be exchanged any more, on no rank. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** The failure, unless something was thrown for it. */
  get unheard(): Error | undefined {
    return this.#isKnown ? undefined : this.#failure;
  }

  /**
   * Has all ranks throw, whatever they wait for.
   *
   * @returns What this rank throws.
   */
  raise(failure: Error): Error {
    this.#isKnown = true;
    if (this.#failure) return this.#failure;
    this.#failure = failure;
    const isDifference = failure instanceof RangeError;
    const told = { from: this.#rank, isDifference, text: failure.message };
    this.#channel?.tellAll({ kind: "failed", ...told });
    return failure;
  }

  /**
   * An operation of all ranks: begins when all of them call the same.
   *
   * @throws {RangeError} If they do not; then all of them throw it.
   */
  async together(call: Call, begin: () => Request): Promise<void> {
    this.#hears();
    const compared = this.#channel?.compare(call);
    const turn = { call, index: ++this.#called };
    let request: Request | undefined;
    const advance = () => {
      if (!request) {
        // Other ranks begin operations in the same order.
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
    await poll(() => this.#advances(advance) || this.#hears(turn));
    this.reason = undefined;
  }

  /**
   * Begins a message.
   *
   * @param begin Says how it goes on, and what to do where it does not.
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

  /** Has {@linkcode settle} wait for something. */
  add(advance: Advance): void {
    this.#open.set(advance, undefined);
  }

  /** Returns when a message has ended; other things happen meanwhile. */
  async until(advance: Advance, passage: Passage): Promise<void> {
    const remind = this.#reminder(passage);
    await poll(() => this.#advances(advance) || this.#hears() || remind());
  }

  /** The same, and nothing else happens meanwhile. */
  untilNow(advance: Advance, passage: Passage): void {
    const remind = this.#reminder(passage);
    pollNow(() => this.#advances(advance) || this.#hears() || remind());
  }

  /**
   * Ends what a failure has left open; all ranks call it.
   *
   * @param discard Takes messages that nobody wants, whose senders wait for it.
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
          // It has ended, and its caller knows of the failure.
        }
      }
      this.#listen();
      discard();
      return this.#open.size === 0;
    };
    await poll(() => work() && channel.hasTold());
    // Until the others are as far, there may be something to discard.
    const { functions, handles: { world } } = this.#caller;
    const barrier = this.#caller.begin(
      "MPI_Ibarrier",
      undefined,
      (request) => functions.MPI_Ibarrier(world, request),
    );
    await poll(() => work() && this.#caller.hasEnded(barrier));
  }

  /** Works on an operation, which is open until it has ended or failed. */
  #advances(advance: Advance): boolean {
    let isOpen = false;
    try {
      isOpen = !advance();
      return !isOpen;
    } finally {
      if (!isOpen) this.#open.delete(advance);
    }
  }

  /**
   * Hears what others tell.
   *
   * @param turn Which operation of all ranks this one waits for.
   * @returns `false`
   * @throws {RangeError} If all is over.
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
        case "waiting": {
          const { from, isExchange, until } = notice;
          this.#waiting.set(`${from} ${isExchange} ${until}`, notice);
        }
      }
    }
  }

  /** Raises an error if a rank waits for a message of this one, which waits for that rank. */
  #assertNoneWaits({ call, index }: Turn): void {
    for (const [key, waiting] of this.#waiting) {
      const { from, isExchange, until, count, called } = waiting;
      const own = this.#countsOf(waiting)[until].get(from) ?? 0;
      if (own >= count) {
        this.#waiting.delete(key);
        continue;
      }
      // Where it does not stand still, it may call the same later.
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

  /** Tells the other rank, when it is time, that this one waits for it. */
  #reminder({ isExchange, until, peer }: Passage): () => false {
    const due = performance.now() + MILLISECONDS_OF_PATIENCE;
    const count = this.#ownCounts({ isExchange, until }).get(peer)!;
    let told = !this.#channel || peer === this.#rank;
    return () => {
      if (told || performance.now() < due) return false;
      told = true;
      const called = this.#called, from = this.#rank;
      const wait = { isExchange, until, count, called } as const;
      this.#channel!.tell(peer, { kind: "waiting", from, ...wait });
      return false;
    };
  }

  /** What this rank has begun, where it waits until the other does its part. */
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
