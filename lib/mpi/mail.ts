/**
 * Messages from rank to rank. Each begins with an envelope that describes it, with
 * the values if they are short. So no message is received into a buffer that is too
 * small: if a message is long, Open MPI 5.0.7 then ends the process with a
 * segmentation fault.
 *
 * @module
 */
import { fingerprintOf, type RankNumbers } from "@lionjs/base";
import { KINDS, numbersOf } from "./call.ts";
import type { Caller, Request } from "./caller.ts";
import type { SideChannel } from "./side_channel.ts";
import type { Advance, Passage, Watch } from "./watch.ts";

/** Bytes of an envelope: six numbers, after which values of all kinds are aligned. */
const ENVELOPE = 24;

/** Most bytes of an envelope with its values; longer values come in a message of their own. */
const SHORT = 4096;

interface Envelope {
  readonly from: number;
  /** The number of messages that the sender has sent to this rank before. */
  readonly index: number;
  /** The index of the array's kind in {@linkcode KINDS}. */
  readonly kind: number;
  readonly count: number;
  /** The fingerprint of the message's purpose. */
  readonly about: number;
}

/** The details of sending or receiving a message. */
export interface Delivery extends Passage {
  readonly tag: number;
  /** The message's purpose, which must be the same for sender and receiver. */
  readonly about: string;
}

/** The messages that one rank sends and receives. */
export class Mail {
  readonly #caller: Caller;
  readonly #channel: SideChannel;
  readonly #watch: Watch;
  readonly #rank: number;
  /** The number of messages sent to each receiver. */
  readonly #sent = new Map<number, number>();

  constructor(
    caller: Caller,
    channel: SideChannel,
    watch: Watch,
    rank: number,
  ) {
    this.#caller = caller;
    this.#channel = channel;
    this.#watch = watch;
    this.#rank = rank;
  }

  /** Begins to send values, which must not change until the message has ended. */
  send(values: RankNumbers, delivery: Delivery): Advance {
    const { peer, tag, about } = delivery;
    const index = this.#sent.get(peer) ?? 0;
    const kind = KINDS.indexOf(values.constructor.name as typeof KINDS[number]);
    const envelope: Envelope = {
      ...{ from: this.#rank, index, kind, count: values.length },
      about: fingerprintFor(about),
    };
    return this.#watch.pass(delivery, () => {
      this.#sent.set(peer, index + 1);
      const requests = [
        this.#pass("MPI_Isend", sealed(envelope, values), peer, tag),
      ];
      if (isLong(envelope)) {
        requests.push(this.#channel.send(values, peer, index));
      }
      return {
        advance: () =>
          requests.filter((one) => !this.#caller.hasEnded(one)).length === 0,
      };
    });
  }

  /**
   * Begins to receive values.
   *
   * @param room The array into which long values are received.
   * @param take Called with the values received.
   */
  receive<T extends RankNumbers>(
    room: T,
    delivery: Delivery,
    take: (values: T) => void,
  ): Advance {
    const { peer, tag } = delivery;
    return this.#watch.pass(delivery, () => {
      const first = new Uint8Array(new ArrayBuffer(SHORT));
      const request = this.#pass("MPI_Irecv", first, peer, tag);
      let rest: Request | undefined;
      const advance = () => {
        if (!rest) {
          if (!this.#caller.hasEnded(request)) return false;
          const envelope = opened(first);
          this.#assertWanted(envelope, room, delivery);
          if (!isLong(envelope)) {
            take(contentOf(first, room));
            return true;
          }
          rest = this.#channel.receive(room, peer, envelope.index);
        }
        if (!this.#caller.hasEnded(rest)) return false;
        take(room);
        return true;
      };
      const cancel = () => {
        // Once a message's envelope has arrived, the rest arrives too.
        if (!rest) this.#caller.cancel(request);
      };
      return { advance, cancel };
    });
  }

  /** Receives messages that no call receives, whose senders wait for that. */
  discard(): void {
    const { functions, handles } = this.#caller;
    const { anySource, anyTag, world, statusIgnore } = handles;
    const isThere = () =>
      this.#caller.asks(
        "MPI_Iprobe",
        (flag) =>
          functions.MPI_Iprobe(anySource, anyTag, world, flag, statusIgnore),
      );
    while (isThere()) {
      const first = new Uint8Array(new ArrayBuffer(SHORT));
      const request = this.#pass("MPI_Irecv", first, anySource, anyTag);
      // MPI has matched the message, so this wait is short.
      while (!this.#caller.hasEnded(request));
      this.#discardRest(opened(first));
    }
  }

  /** Throws on all ranks unless an envelope is the expected one. */
  #assertWanted(
    envelope: Envelope,
    { constructor: { name }, length }: RankNumbers,
    { peer, about }: Delivery,
  ): void {
    const { kind, count } = envelope;
    const isAlike = KINDS[kind] === name && count === length;
    if (isAlike && envelope.about === fingerprintFor(about)) return;
    this.#discardRest(envelope);
    const got = isAlike
      ? "those of another operation"
      : numbersOf(KINDS[kind]!, count);
    const wanted = `${numbersOf(name, length)}${about && ` of ${about}`}`;
    throw this.#watch.raise(
      new RangeError(
        `rank ${this.#rank} should get ${wanted} from rank ${peer}, got ${got}; all ranks should call the same operations`,
      ),
    );
  }

  /** Receives and drops the long values of a message whose envelope has arrived. */
  #discardRest(envelope: Envelope): void {
    if (!isLong(envelope)) return;
    const { from, index, kind, count } = envelope;
    const room = new ARRAYS[kind]!(count);
    const request = this.#channel.receive(room, from, index);
    this.#watch.add(() => this.#caller.hasEnded(request));
  }

  /** Begins to send or receive an envelope. */
  #pass(
    call: "MPI_Isend" | "MPI_Irecv",
    first: Uint8Array<ArrayBuffer>,
    peer: number,
    tag: number,
  ): Request {
    const { functions, handles: { world, types } } = this.#caller;
    const type = types["Uint8Array"]!;
    return this.#caller.begin(
      call,
      first,
      (request) =>
        functions[call](
          ...[first, first.length, type, peer, tag, world, request] as const,
        ),
    );
  }
}

/** The fingerprints of messages' purposes, by text; there are few. */
const FINGERPRINTS = new Map<string, number>();

function fingerprintFor(about: string): number {
  let fingerprint = FINGERPRINTS.get(about);
  if (fingerprint === undefined) {
    fingerprint = fingerprintOf(about);
    FINGERPRINTS.set(about, fingerprint);
  }
  return fingerprint;
}

/** The constructors of arrays, in the order of {@linkcode KINDS}. */
const ARRAYS = [
  Uint8Array,
  Float32Array,
  Float64Array,
  Int32Array,
  Uint8Array,
] as const;

function isLong({ kind, count }: Envelope): boolean {
  return ENVELOPE + count * ARRAYS[kind]!.BYTES_PER_ELEMENT > SHORT;
}

/** The bytes of an envelope, with the values if they are short. */
function sealed(envelope: Envelope, values: RankNumbers) {
  const length = isLong(envelope) ? 0 : values.byteLength;
  const bytes = new Uint8Array(new ArrayBuffer(ENVELOPE + length));
  const { from, index, kind, count, about } = envelope;
  new Uint32Array(bytes.buffer, 0, 5).set([from, index, kind, count, about]);
  if (length > 0) contentOf(bytes, values).set(values);
  return bytes;
}

function opened(bytes: Uint8Array<ArrayBuffer>): Envelope {
  const [from, index, kind, count, about] = new Uint32Array(
    bytes.buffer,
    0,
    5,
  ) as unknown as [number, number, number, number, number];
  return { from, index, kind, count, about };
}

/** The values after an envelope, as an array of the same kind and length as another. */
function contentOf<T extends RankNumbers>(
  { buffer }: Uint8Array<ArrayBuffer>,
  like: T,
): T {
  const Kind = like.constructor as new (
    buffer: ArrayBuffer,
    offset: number,
    length: number,
  ) => T;
  return new Kind(buffer, ENVELOPE, like.length);
}
