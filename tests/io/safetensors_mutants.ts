/** Files of safetensors that may be anything, and what becomes of them. @module */
import { assert, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { readSafetensors } from "../../lib/io/mod.ts";
import { type Dtype, ELEMENT_BYTES } from "../../lib/io/safetensors_header.ts";
import { safetensors } from "./files.ts";

/** Valid files, from which the others come. */
const VALID = [
  safetensors({}),
  safetensors({
    __metadata__: { format: "pt", note: 'a "quote", a {brace}: and \\' },
    a: { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] },
    b: { dtype: "I64", shape: [1], data_offsets: [24, 32] },
  }, new Uint8Array(32)),
  safetensors({
    half: { dtype: "F16", shape: [3], data_offsets: [0, 6] },
    "\u{1F981}": { dtype: "BF16", shape: [1, 1], data_offsets: [6, 8] },
    none: { dtype: "I32", shape: [0, 5], data_offsets: [8, 8] },
    byte: { dtype: "U8", shape: [], data_offsets: [8, 9] },
    truth: { dtype: "BOOL", shape: [2], data_offsets: [9, 11] },
  }, [0, 60, 255, 127, 1, 0, 128, 63, 200, 0, 1]),
];

type Mutation = (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;

/** A place in a file; any is as likely as another. */
const fraction = fc.noBias(fc.nat(9999)).map((n) => n / 10_000);
const byte = fc.nat(255);

const flip: fc.Arbitrary<Mutation> = fc.tuple(fraction, byte).map(
  ([where, value]) => (bytes) =>
    bytes.with(Math.floor(where * bytes.length), value),
);

const truncate: fc.Arbitrary<Mutation> = fraction.map((where) => (bytes) =>
  bytes.slice(0, Math.ceil(where * bytes.length))
);

const append: fc.Arbitrary<Mutation> = fc.uint8Array({ maxLength: 9 }).map(
  (more) => (bytes) => new Uint8Array([...bytes, ...more]),
);

const setLength: fc.Arbitrary<Mutation> = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: 0n, max: 300n }),
).map((length) => (bytes) => {
  const changed = bytes.slice();
  new DataView(changed.buffer).setBigUint64(0, length, true);
  return changed;
});

/** Puts something else in place of a token of the header, and corrects its length. */
const editHeader: fc.Arbitrary<Mutation> = fc.tuple(
  fraction,
  fc.constantFrom(
    ...["-1", "0", "1", "3", "0.5", "1e999", "9007199254740991", "1e15"],
    ...["null", "true", "[]", "{}", "[[[", "}", ",", ":", " ", ""],
    ...['"F16"', '"F64"', '"I64"', '"BOOL"', '"shape"', '"dtype"'],
    ...['"a"', '"b"', '"__proto__"', '"__metadata__"', '"\\u0061"'],
  ),
).map(([where, token]) => (bytes) => {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const json = new TextDecoder().decode(bytes.subarray(8, 8 + length));
  const tokens = json.match(/"(?:[^"\\]|\\.)*"|[\w.-]+|./gs) ?? [];
  tokens[Math.floor(where * tokens.length)] = token;
  return safetensors(tokens.join(""), bytes.subarray(8 + length));
});

const some = (mutation: fc.Arbitrary<Mutation>) =>
  fc.array(mutation, { minLength: 1, maxLength: 3 });

const mutated = fc.tuple(
  fc.constantFrom(...VALID),
  fc.oneof(
    { weight: 3, arbitrary: some(editHeader) },
    { weight: 2, arbitrary: some(flip) },
    { weight: 1, arbitrary: some(fc.oneof(append, setLength)) },
    { weight: 1, arbitrary: fc.tuple(truncate) },
  ),
).map(([bytes, mutations]) =>
  mutations.reduce((file, mutate) => mutate(file), bytes)
);

const size = fc.oneof(
  { weight: 8, arbitrary: fc.nat(3) },
  { weight: 1, arbitrary: fc.maxSafeInteger() },
);

/** Files of which every entry is well-formed, with offsets that follow or do not. */
const assembled = fc.tuple(
  fc.array(
    fc.record({
      dtype: fc.constantFrom(...Object.keys(ELEMENT_BYTES) as Dtype[]),
      shape: fc.array(size, { maxLength: 7 }),
      shift: fc.oneof(
        { weight: 8, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: size },
      ),
    }),
    { maxLength: 4 },
  ),
  fc.integer({ min: -1, max: 1 }),
  byte,
).map(([entries, excess, value]) => {
  let end = 0;
  const header = Object.fromEntries(
    entries.map(({ dtype, shape, shift }, i) => {
      const begin = end + shift;
      const elements = shape.reduce((product, n) => product * n, 1);
      end = begin + elements * ELEMENT_BYTES[dtype];
      return [`t${i}`, { dtype, shape, data_offsets: [begin, end] }];
    }),
  );
  const dataBytes = Math.max(0, Math.min(end, 1000) + excess);
  return safetensors(header, new Uint8Array(dataBytes).fill(value));
});

/** Bytes of files, of which some are valid. */
export const files: fc.Arbitrary<Uint8Array<ArrayBuffer>> = fc.oneof(
  mutated,
  assembled,
);

/**
 * Reads a file that may be anything: it is valid, and has no more elements than
 * bytes, or is refused by an error that names it. Returns whether it is valid.
 */
export async function isValid(
  bytes: Uint8Array,
  source: Uint8Array | string,
): Promise<boolean> {
  const before = tf.memory().numTensors;
  try {
    const { tensors } = await readSafetensors(source);
    let elements = 0;
    for (const { size } of tensors.values()) elements += size;
    tf.dispose([...tensors.values()]);
    assert(elements <= bytes.length);
    return true;
  } catch (error) {
    assert(
      error instanceof RangeError || error instanceof SyntaxError ||
        error instanceof TypeError,
      String(error),
    );
    const name = typeof source === "string" ? source : "the given bytes";
    assert(error.message.startsWith(name), error.message);
    assertLess(error.message.length, 600);
    return false;
  } finally {
    assertEquals(tf.memory().numTensors, before);
  }
}
