/**
 * Messages from rank to rank. The first thing that comes of each is an envelope,
 * which says what it is, and short values with it. So nothing comes into a room
 * that is too small: where a message is long, Open MPI 5.0.7 ends the process
 * with a segmentation fault then.
 *
 * @module
 */
import type { RankNumbers } from "../contract/communicator.ts";
import { fingerprintOf } from "../contract/fingerprint.ts";
import { KINDS, numbersOf } from "./call.ts";
import type { Caller, Request } from "./caller.ts";
import type { SideChannel } from "./side_channel.ts";
import type { Advance, Passage, Watch } from "./watch.ts";

/** Bytes of six numbers, after which the values of all kinds are aligned. */
const ENVELOPE = 24;

/** Bytes of an envelope with values; longer ones come in a message of their own. */
const SHORT = 4096;

/** What an envelope says. */
interface Envelope {
  /** The rank that sends. */
  readonly from: number;
  /** How many it has sent to this rank before. */
  readonly index: number;
  /** Of {@linkcode KINDS}. */
  readonly kind: number;
  readonly count: number;
  /** The fingerprint of what it is about. */
  readonly about: number;
}

/** How a message is sent or received. */
export interface Delivery extends Passage {
  readonly tag: number;
  /** What both sides say that it is about. */
  readonly about: string;
}

/** Of one rank. */
export class Mail {
  readonly #caller: Caller;
  readonly #channel: SideChannel;
  readonly #watch: Watch;
  readonly #rank: number;
  /** How many messages were sent, by the receiver. */
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

  /** Begins to send values, which are not to change until it has ended. */
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
      const requests = [this.#sendFirst(sealed(envelope, values), peer, tag)];
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
   * @param room Where long ones go.
   * @param take Gets them.
   */
  receive<T extends RankNumbers>(
    room: T,
    delivery: Delivery,
    take: (values: T) => void,
  ): Advance {
    const { peer, tag } = delivery;
    return this.#watch.pass(delivery, () => {
      const first = new Uint8Array(new ArrayBuffer(SHORT));
      const request = this.#receiveFirst(first, peer, tag);
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
        // Of a message whose envelope has come, the rest comes too.
        if (!rest) this.#caller.cancel(request);
      };
      return { advance, cancel };
    });
  }

  /** Takes messages that nobody wants, whose senders wait for it. */
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
      const request = this.#receiveFirst(first, anySource, anyTag);
      // It is here already, or nearly so.
      while (!this.#caller.hasEnded(request));
      this.#discardRest(opened(first));
    }
  }

  /** Throws on all ranks unless what comes is what is wanted. */
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

  /** Takes the values of a message whose envelope has come. */
  #discardRest(envelope: Envelope): void {
    if (!isLong(envelope)) return;
    const { from, index, kind, count } = envelope;
    const room = new ARRAYS[kind]!(count);
    const request = this.#channel.receive(room, from, index);
    this.#watch.add(() => this.#caller.hasEnded(request));
  }

  #sendFirst(
    first: Uint8Array<ArrayBuffer>,
    to: number,
    tag: number,
  ): Request {
    const { functions, handles: { world, types } } = this.#caller;
    const type = types["Uint8Array"]!;
    return this.#caller.begin(
      "MPI_Isend",
      first,
      (request) =>
        functions.MPI_Isend(
          ...[first, first.length, type, to, tag, world, request] as const,
        ),
    );
  }

  #receiveFirst(
    first: Uint8Array<ArrayBuffer>,
    from: number,
    tag: number,
  ): Request {
    const { functions, handles: { world, types } } = this.#caller;
    const type = types["Uint8Array"]!;
    return this.#caller.begin(
      "MPI_Irecv",
      first,
      (request) =>
        functions.MPI_Irecv(
          ...[first, first.length, type, from, tag, world, request] as const,
        ),
    );
  }
}

/** What a message is about, by its name; there are few. */
const FINGERPRINTS = new Map<string, number>();

function fingerprintFor(about: string): number {
  let fingerprint = FINGERPRINTS.get(about);
  if (fingerprint === undefined) {
    fingerprint = fingerprintOf(about);
    FINGERPRINTS.set(about, fingerprint);
  }
  return fingerprint;
}

/** As {@linkcode KINDS}. */
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

/** An envelope, with the values if they are short. */
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

/** The values after an envelope, of the same kind and number as others. */
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
