/** Random access to bytes: the interface, and checks of its implementations. @module */
import { shown } from "@lionjs/base";

/**
 * Bytes that can be read in any order and in any parts: a file, memory, or a
 * URL whose server accepts ranges.
 */
export interface RandomAccess {
  /** The name of the bytes in errors: a path or URL. */
  readonly name: string;
  /** Number of bytes. */
  readonly size: number;
  /**
   * Reads `length` bytes from `start` on into a new buffer.
   *
   * @throws {RangeError} If the range exceeds the bytes.
   */
  read(start: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * Makes random access to bytes from `read`, which is called only with ranges
 * within them.
 */
export function accessTo(
  name: string,
  size: number,
  read: RandomAccess["read"],
): RandomAccess {
  const whole = { name, size };
  const access: RandomAccess = {
    ...whole,
    async read(start, length) {
      assertRange(whole, start, length);
      return await read(start, length);
    },
  };
  own.add(access);
  return access;
}

/**
 * Accesses of this library, which are known to return as many bytes as were
 * asked for.
 */
const own = new WeakSet<RandomAccess>();

/** Wraps a caller's random access with checks of the bytes that it returns. */
export function checkedAccess(access: RandomAccess): RandomAccess {
  if (own.has(access)) return access;
  const { name, size } = access;
  return accessTo(name, size, async (start, length) => {
    const bytes: unknown = await access.read(start, length);
    if (bytes instanceof Uint8Array && bytes.length === length) {
      return bytes as Uint8Array<ArrayBuffer>;
    }
    throw new TypeError(
      `${name}: read(${start}, ${length}) should return a Uint8Array of ${length} bytes, got ${
        bytes instanceof Uint8Array ? `${bytes.length}` : shown(bytes)
      }`,
    );
  });
}

/** Throws unless a range of bytes is within the bytes. */
export function assertRange(
  { name, size }: Pick<RandomAccess, "name" | "size">,
  start: number,
  length: number,
): void {
  if (
    Number.isSafeInteger(start) && Number.isSafeInteger(length) &&
    start >= 0 && length >= 0 && start + length <= size
  ) return;
  throw new RangeError(
    `${name} has ${size} bytes, got a read of ${length} from ${start} on`,
  );
}
