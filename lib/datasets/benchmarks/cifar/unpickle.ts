/** The part of Python's pickles that CIFAR's files are made of. @module */
import { damaged, viewOf } from "@lionjs/base";

/** A value of a pickle: tuples are lists, and texts of Python 2 are bytes. */
export type Pickled =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | PickledName
  | PickledObject
  | Pickled[]
  | Map<string, Pickled>;

/** A function or a class of Python's by its name, which is never looked up. */
export class PickledName {
  /** @param name The name, with its module. */
  constructor(readonly name: string) {}
}

/** The result of a call in Python, which is not made: only its callee and arguments are kept. */
export class PickledObject {
  /** The state from which Python would restore the object. */
  state: Pickled = null;

  constructor(readonly callee: string, readonly args: Pickled) {}
}

/** The names that numpy's arrays are made of; newer ones have another module. */
const NAMES: ReadonlySet<string> = new Set([
  "numpy.core.multiarray._reconstruct",
  "numpy._core.multiarray._reconstruct",
  "numpy.ndarray",
  "numpy.dtype",
]);

/**
 * Reads a pickle of protocol 2, as Python 2 writes it, of numbers, texts, lists,
 * dictionaries and numpy's arrays. Nothing is looked up or run: a pickle that asks
 * for another name than numpy's is refused.
 *
 * Format: Python's `pickletools.py`.
 *
 * @param bytes The pickle; values share its memory.
 */
export function unpickle(name: string, bytes: Uint8Array): Pickled {
  const reader = new PickleReader(name, bytes);
  if (bytes[0] !== 0x80) {
    throw reader.error("it does not begin as one");
  }
  for (let done = 0;; done++) {
    if (done > MOST_OPERATIONS) {
      throw reader.error(`it has more than ${MOST_OPERATIONS} operations`);
    }
    const code = reader.byte();
    if (code === STOP) return reader.pop();
    const run = OPERATIONS[String.fromCharCode(code)];
    if (run) run(reader);
    else {
      const hex = code.toString(16).padStart(2, "0");
      throw reader.error(`the operation 0x${hex} is none of those known`);
    }
  }
}

const STOP = ".".charCodeAt(0);

/** The most operations: enough for tens of megabytes of values; CIFAR's files need some 200,000. */
const MOST_OPERATIONS = 2 ** 20;

const latin1 = (bytes: Uint8Array) => {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
};

/** The bytes of a pickle, and the values that its operations work on. */
class PickleReader {
  readonly #name: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  readonly #stack: Pickled[] = [];
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, Pickled>();

  constructor(name: string, bytes: Uint8Array) {
    this.#name = name;
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  error(reason: string): SyntaxError {
    const place = `${reason}, before byte ${this.#at}`;
    return damaged(this.#name, "a pickle of protocol 2", place);
  }

  take(length: number): Uint8Array {
    if (length < 0 || this.#at + length > this.#bytes.length) {
      throw this.error("it ends early");
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  uint16(): number {
    this.take(2);
    return this.#view.getUint16(this.#at - 2, true);
  }

  int32(): number {
    this.take(4);
    return this.#view.getInt32(this.#at - 4, true);
  }

  line(): string {
    const end = this.#bytes.indexOf(10, this.#at);
    if (end < 0) throw this.error("a line has no end");
    return latin1(this.take(end + 1 - this.#at).subarray(0, -1));
  }

  push(value: Pickled): void {
    this.#stack.push(value);
  }

  pop(): Pickled {
    const first = this.#marks.at(-1) ?? 0;
    if (this.#stack.length <= first) throw this.error("a value is missing");
    return this.#stack.pop()!;
  }

  /** The last values, in their order. */
  popMany(count: number): Pickled[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  /** All values since the last mark. */
  popMarked(): Pickled[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.error("a mark is missing");
    return this.#stack.splice(mark);
  }

  keep(place: number): void {
    const value = this.pop();
    this.#memo.set(place, value);
    this.push(value);
  }

  recall(place: number): void {
    const value = this.#memo.get(place);
    if (value === undefined) throw this.error(`there is no value ${place}`);
    this.push(value);
  }

  append(values: readonly Pickled[]): void {
    const list = this.pop();
    if (!Array.isArray(list)) throw this.error("it appends to no list");
    for (const value of values) list.push(value);
    this.push(list);
  }

  set(entries: readonly Pickled[]): void {
    const map = this.pop();
    if (!(map instanceof Map)) throw this.error("it adds to no dictionary");
    if (entries.length % 2 > 0) throw this.error("a key has no value");
    for (let i = 0; i < entries.length; i += 2) {
      const key = entries[i]!;
      if (key instanceof Uint8Array) map.set(latin1(key), entries[i + 1]!);
      else if (typeof key === "string") map.set(key, entries[i + 1]!);
      else throw this.error("a key is no text");
    }
    this.push(map);
  }

  name(): void {
    const name = `${this.line()}.${this.line()}`;
    if (!NAMES.has(name)) {
      throw new SyntaxError(
        `${this.#name} asks for ${name}, which is refused: a pickle with code may do anything, and CIFAR's have only numpy's arrays; download it again`,
      );
    }
    this.push(new PickledName(name));
  }

  call(): void {
    const args = this.pop();
    const callee = this.pop();
    if (!(callee instanceof PickledName)) throw this.error("it calls no name");
    this.push(new PickledObject(callee.name, args));
  }

  build(): void {
    const state = this.pop();
    const object = this.pop();
    if (!(object instanceof PickledObject)) {
      throw this.error("it restores no array");
    }
    object.state = state;
    this.push(object);
  }

  /** An integer of any length, of which those that a number can hold are known. */
  long(): void {
    const digits = this.take(this.byte());
    if (digits.length > 6) throw this.error("an integer is too long");
    const unsigned = digits.reduceRight((sum, digit) => sum * 256 + digit, 0);
    const isNegative = (digits.at(-1) ?? 0) >= 0x80;
    this.push(isNegative ? unsigned - 256 ** digits.length : unsigned);
  }
}

/** The operations by their codes, as Python's `pickle.py` has them. */
const OPERATIONS: Readonly<Record<string, (reader: PickleReader) => void>> = {
  "\x80": (reader) => {
    const protocol = reader.byte();
    if (protocol !== 2) throw reader.error(`its protocol is ${protocol}`);
  },
  "N": (reader) => reader.push(null),
  "\x88": (reader) => reader.push(true),
  "\x89": (reader) => reader.push(false),
  "K": (reader) => reader.push(reader.byte()),
  "M": (reader) => reader.push(reader.uint16()),
  "J": (reader) => reader.push(reader.int32()),
  "\x8a": (reader) => reader.long(),
  "U": (reader) => reader.push(reader.take(reader.byte())),
  "T": (reader) => reader.push(reader.take(reader.int32())),
  "X": (reader) =>
    reader.push(new TextDecoder().decode(reader.take(reader.int32()))),
  "]": (reader) => reader.push([]),
  "}": (reader) => reader.push(new Map()),
  ")": (reader) => reader.push([]),
  "(": (reader) => reader.mark(),
  "t": (reader) => reader.push(reader.popMarked()),
  "\x85": (reader) => reader.push(reader.popMany(1)),
  "\x86": (reader) => reader.push(reader.popMany(2)),
  "\x87": (reader) => reader.push(reader.popMany(3)),
  "a": (reader) => reader.append(reader.popMany(1)),
  "e": (reader) => reader.append(reader.popMarked()),
  "s": (reader) => reader.set(reader.popMany(2)),
  "u": (reader) => reader.set(reader.popMarked()),
  "q": (reader) => reader.keep(reader.byte()),
  "r": (reader) => reader.keep(reader.int32()),
  "h": (reader) => reader.recall(reader.byte()),
  "j": (reader) => reader.recall(reader.int32()),
  "c": (reader) => reader.name(),
  "R": (reader) => reader.call(),
  "b": (reader) => reader.build(),
};
