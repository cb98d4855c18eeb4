import { assertEquals } from "@std/assert";
import { fromFloat16, toFloat16 } from "../../lib/io/float16.ts";

/** Runs as where the language has no array of float16. */
function withoutArray<T>(run: () => T): T {
  const array = globalThis.Float16Array;
  Reflect.deleteProperty(globalThis, "Float16Array");
  try {
    return run();
  } finally {
    globalThis.Float16Array = array;
  }
}

Deno.test("float16 is the same without an array of it", () => {
  const halves = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);
  const wide = fromFloat16(halves.buffer);
  assertEquals(wide.filter(Number.isFinite).length, 2 ** 16 - 2 * 2 ** 10);
  assertEquals(withoutArray(() => fromFloat16(halves.buffer)), wide);
  // All of them, what lies between two, and what is too large or too small.
  const values = [...wide.filter(Number.isFinite)].flatMap((
    x,
  ) => [x, x * (1 + 2 ** -12), x * (1 + 2 ** -11), x * 2, x / 4096]);
  const all = Float32Array.from([...values, 65519.99, 65520, -Infinity]);
  const bytesOf = ({ buffer }: ArrayBufferView) => new Uint8Array(buffer);
  assertEquals(
    bytesOf(withoutArray(() => toFloat16(all))),
    bytesOf(toFloat16(all)),
  );
});
