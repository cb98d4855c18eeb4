import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { readSafetensors } from "../../lib/io/mod.ts";
import { fileSource } from "../../lib/base/source.ts";
import { open } from "node:fs/promises";
import { onCpu, safetensors, withFolder } from "./files.ts";

type ErrorClass = typeof RangeError | typeof SyntaxError | typeof TypeError;

/** An entry of two numbers in float32, unless something else is said. */
function entry(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { dtype: "F32", shape: [2], data_offsets: [0, 8], ...changes };
}

/** A file of a tensor `x` of 8 bytes, of which the entry says something else. */
function described(changes: Record<string, unknown>): Uint8Array {
  return safetensors({ x: entry(changes) }, new Uint8Array(8));
}

/** A file whose first 8 bytes say that its header is of this length. */
function withLength(length: bigint, bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice();
  new DataView(changed.buffer).setBigUint64(0, length, true);
  return changed;
}

const valid = described({});
const eightBytes = new Uint8Array(8);
const text = JSON.stringify;

const CASES: Record<string, [Uint8Array, ErrorClass, message: string]> = {
  "no bytes": [
    new Uint8Array(),
    RangeError,
    "the given bytes should begin with a header's length in 8 bytes, got 0 bytes",
  ],
  "less than a header's length": [
    valid.subarray(0, 7),
    RangeError,
    "in 8 bytes, got 7 bytes",
  ],
  "a header longer than the file": [
    valid.subarray(0, 30),
    RangeError,
    "a header of at most 22 bytes, got a length of",
  ],
  "a header of 2^63 bytes": [
    withLength(2n ** 63n, valid),
    RangeError,
    "got a length of 9223372036854776000",
  ],
  "a header of 2^64 - 1 bytes": [
    withLength(2n ** 64n - 1n, valid),
    RangeError,
    "is it a whole safetensors file?",
  ],
  "an empty header": [
    safetensors(""),
    SyntaxError,
    'JSON in UTF-8: it does not begin with "{"',
  ],
  "a header cut short": [
    withLength(20n, valid),
    SyntaxError,
    "the given bytes should have a header of JSON in UTF-8",
  ],
  "a space before the header": [
    safetensors(" {}"),
    SyntaxError,
    'JSON in UTF-8: it does not begin with "{"',
  ],
  "a byte order mark": [
    safetensors("\uFEFF{}"),
    SyntaxError,
    'JSON in UTF-8: it does not begin with "{"',
  ],
  "a list for a header": [
    safetensors("[]"),
    SyntaxError,
    'JSON in UTF-8: it does not begin with "{"',
  ],
  "not UTF-8": [
    safetensors(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])),
    SyntaxError,
    "a header of JSON in UTF-8",
  ],
  "zeros after the header": [
    safetensors("{}\0\0"),
    SyntaxError,
    "a header of JSON in UTF-8",
  ],
  "a tensor twice": [
    safetensors(`{"x":${text(entry())},"x":${text(entry())}}`, eightBytes),
    SyntaxError,
    'JSON in UTF-8: "x" occurs twice',
  ],
  "a tensor twice, once escaped": [
    safetensors(`{"x":${text(entry())},"\\u0078" : {}}`, eightBytes),
    SyntaxError,
    'JSON in UTF-8: "x" occurs twice',
  ],
  "a field twice": [
    safetensors(
      '{"x":{"dtype":"U8","shape":[1],"shape":[2],"data_offsets":[0,2]}}',
      [1, 2],
    ),
    SyntaxError,
    'JSON in UTF-8: "shape" occurs twice',
  ],
  "metadata twice": [
    safetensors('{"__metadata__":{},"__metadata__":{}}'),
    SyntaxError,
    '"__metadata__" occurs twice',
  ],
  "a name of metadata twice": [
    safetensors('{"__metadata__":{"a":"{\\"}:","b":"","a":""}}'),
    SyntaxError,
    '"a" occurs twice',
  ],
  "metadata that is no object": [
    safetensors({ __metadata__: "a" }),
    TypeError,
    'strings in its __metadata__, got "a"',
  ],
  "metadata that is no string": [
    safetensors({ __metadata__: { step: 3 } }),
    TypeError,
    'strings in its __metadata__, got {"step":3}',
  ],
  "an entry that is no object": [
    safetensors({ x: 3 }),
    TypeError,
    'the given bytes: tensor "x" should have a dtype (a string), a shape',
  ],
  "an entry that is null": [
    safetensors({ x: null }),
    TypeError,
    'tensor "x" should have a dtype',
  ],
  "an entry without fields": [
    safetensors('{"__proto__":{}}'),
    TypeError,
    'tensor "__proto__" should have a dtype',
  ],
  "fields from a prototype": [
    safetensors(`{"x":{"__proto__":${text(entry())}}}`, eightBytes),
    SyntaxError,
    '"{" at 18 is out of place',
  ],
  "an entry that is a list": [
    safetensors({ x: [] }),
    SyntaxError,
    '"[" at 5 is out of place',
  ],
  "deep nesting": [
    safetensors(`{"x":${'{"a":['.repeat(1e6)}`),
    SyntaxError,
    'JSON in UTF-8: "{" at 11 is out of place',
  ],
  "a name that does not end": [
    safetensors('{"x":{},"y\\'),
    SyntaxError,
    "a header of JSON in UTF-8",
  ],
  "a colon before all": [
    safetensors("{:"),
    SyntaxError,
    "a header of JSON in UTF-8",
  ],
  "more ends than beginnings": [
    safetensors('{}}"x":'),
    SyntaxError,
    "a header of JSON in UTF-8",
  ],
  "no dtype": [
    described({ dtype: undefined }),
    TypeError,
    'tensor "x" should have a dtype',
  ],
  "no shape": [
    described({ shape: undefined }),
    TypeError,
    "a shape (numbers)",
  ],
  "no offsets": [
    described({ data_offsets: undefined }),
    TypeError,
    "data_offsets (two numbers)",
  ],
  "three offsets": [
    described({ data_offsets: [0, 4, 8] }),
    TypeError,
    "data_offsets (two numbers)",
  ],
  "offsets that are strings": [
    described({ data_offsets: ["0", "8"] }),
    TypeError,
    "data_offsets (two numbers)",
  ],
  "a shape of null": [
    described({ shape: [null] }),
    TypeError,
    "a shape (numbers)",
  ],
  "a shape that is a number": [
    described({ shape: 2 }),
    TypeError,
    "a shape (numbers)",
  ],
  "an unsupported dtype": [
    described({ dtype: "F64", shape: [1] }),
    RangeError,
    'tensor "x" should have a dtype of F32, F16, BF16, I64, I32, U8, I8, BOOL, got "F64"',
  ],
  "a dtype of a prototype": [
    described({ dtype: "constructor" }),
    RangeError,
    'got "constructor"',
  ],
  "seven axes": [
    described({ shape: [2, 1, 1, 1, 1, 1, 1] }),
    RangeError,
    'tensor "x" should have at most 6 axes, as in tfjs, got 7',
  ],
  "many axes": [
    described({ shape: Array(100_000).fill(1) }),
    RangeError,
    "at most 6 axes, as in tfjs, got 100000",
  ],
  "a negative size": [
    described({ shape: [-2] }),
    RangeError,
    'tensor "x" should have sizes and offsets that are integers from 0 to 2^53 - 1, got shape [-2]',
  ],
  "negative sizes whose product fits": [
    described({ shape: [-2, -1] }),
    RangeError,
    "got shape [-2,-1]",
  ],
  "a size with a fraction": [
    described({ shape: [0.5, 4] }),
    RangeError,
    "got shape [0.5,4]",
  ],
  "a size above 2^53": [
    described({ shape: [2 ** 53] }),
    RangeError,
    "from 0 to 2^53 - 1",
  ],
  "an infinite size": [
    safetensors('{"x":{"dtype":"U8","shape":[1e999],"data_offsets":[0,0]}}'),
    RangeError,
    "from 0 to 2^53 - 1",
  ],
  "a product that overflows": [
    described({ shape: [2 ** 32, 2 ** 32] }),
    RangeError,
    'tensor "x" should span 73786976294838210000 bytes',
  ],
  "a negative offset": [
    described({ data_offsets: [-8, 0] }),
    RangeError,
    "data_offsets [-8,0]",
  ],
  "an offset with a fraction": [
    described({ data_offsets: [0.5, 8.5] }),
    RangeError,
    "data_offsets [0.5,8.5]",
  ],
  "offsets in the wrong order": [
    described({ data_offsets: [8, 0] }),
    RangeError,
    'tensor "x" should span 8 bytes, as F32 of shape [2], got data_offsets [8,0]',
  ],
  "a shape that is too large": [
    described({ shape: [3] }),
    RangeError,
    'tensor "x" should span 12 bytes, as F32 of shape [3]',
  ],
  "a dtype that is too small": [
    described({ dtype: "F16" }),
    RangeError,
    'tensor "x" should span 4 bytes, as F16 of shape [2]',
  ],
  "bytes beyond the file": [
    described({ shape: [2 ** 48], data_offsets: [0, 2 ** 50] }),
    RangeError,
    'tensor "x" should end within the 8 bytes of data, got 1125899906842624',
  ],
  "a hole at the start": [
    safetensors({ x: entry({ data_offsets: [4, 12] }) }, new Uint8Array(12)),
    RangeError,
    'tensor "x" should begin at byte 0 of the data, where the one before it ends, got 4',
  ],
  "a hole between": [
    safetensors(
      { x: entry(), y: entry({ data_offsets: [9, 17] }) },
      new Uint8Array(17),
    ),
    RangeError,
    'tensor "y" should begin at byte 8 of the data',
  ],
  "an overlap": [
    safetensors(
      { x: entry(), y: entry({ data_offsets: [4, 12] }) },
      new Uint8Array(12),
    ),
    RangeError,
    'tensor "y" should begin at byte 8 of the data',
  ],
  "the same bytes twice": [
    safetensors({ x: entry(), y: entry() }, eightBytes),
    RangeError,
    'tensor "y" should begin at byte 8 of the data',
  ],
  "nothing, within a tensor": [
    safetensors(
      { x: entry(), y: entry({ shape: [0], data_offsets: [4, 4] }) },
      eightBytes,
    ),
    RangeError,
    'tensor "y" should begin at byte 8 of the data',
  ],
  "bytes of no tensor": [
    safetensors({ x: entry() }, new Uint8Array(9)),
    RangeError,
    "the given bytes should hold 8 bytes of data for its tensors, got 9",
  ],
  "a bad value behind a good tensor": [
    safetensors(
      { x: entry(), y: entry({ dtype: "BOOL", data_offsets: [8, 10] }) },
      [...eightBytes, 1, 7],
    ),
    RangeError,
    'tensor "y", of BOOL, should hold 0 and 1, got 7',
  ],
};

for (const [name, [bytes, errorClass, message]] of Object.entries(CASES)) {
  onCpu(`readSafetensors() refuses ${name}`, async () => {
    const error = await assertRejects(
      () => readSafetensors(bytes),
      errorClass,
      message,
    );
    assertLess(error.message.length, 600);
  });
}

onCpu(
  "readSafetensors() refuses a header of more than 100 MB",
  () =>
    withFolder(async (folder) => {
      const path = `${folder}/sparse`;
      await Deno.writeFile(path, withLength(100_000_001n, valid));
      await Deno.truncate(path, 200_000_000);
      await assertRejects(
        () => readSafetensors(path),
        RangeError,
        `${path} should have a header of at most 100000000 bytes, got a length of 100000001`,
      );
    }),
);

onCpu(
  "readSafetensors() names the file that it refuses",
  () =>
    withFolder(async (folder) => {
      const path = `${folder}/bad.safetensors`;
      await Deno.writeFile(path, described({ dtype: "F64" }));
      await assertRejects(() => readSafetensors(path), RangeError, path);
      await assertRejects(
        () => readSafetensors(`${folder}/missing`),
        Error,
        `${folder}/missing`,
      );
      await assertRejects(
        () => readSafetensors(folder),
        TypeError,
        `${folder} should be a file`,
      );
    }),
);

onCpu(
  "readSafetensors() allows spaces after the header, and nothing",
  async () => {
    for (const header of ["{}", "{}      ", '{"__metadata__":{}}']) {
      const { tensors, metadata } = await readSafetensors(safetensors(header));
      assertEquals(tensors.size, 0);
      assertEquals(metadata, {});
    }
  },
);

Deno.test("a file that is cut while it is read is an error", () =>
  withFolder(async (folder) => {
    const path = `${folder}/file`;
    await Deno.writeFile(path, valid);
    const file = await open(path);
    const source = await fileSource(file, path);
    await source.read(8);
    await Deno.truncate(path, 10);
    await assertRejects(
      () => source.read(8),
      RangeError,
      `${path} has become shorter while it was read`,
    );
    await file.close();
  }));
