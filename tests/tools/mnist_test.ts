import { assertEquals, assertThrows } from "@std/assert";
import { holdBack, loadMnist, parseIdx } from "../../tools/demo/mnist.ts";

const header = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3];

Deno.test("parseIdx() reads shape and values", () => {
  const file = Uint8Array.from([...header, 1, 2, 3, 4, 5, 6]);
  const { shape, values } = parseIdx("a file", file);
  assertEquals(shape, [2, 3]);
  assertEquals([...values], [1, 2, 3, 4, 5, 6]);
});

Deno.test("parseIdx() names a file that is cut off or something else", () => {
  assertThrows(
    () => parseIdx("train-labels", Uint8Array.from([...header, 1, 2])),
    SyntaxError,
    "train-labels should have 18 bytes for shape [2, 3], got 14",
  );
  for (
    const bytes of [[], [0, 0], [1, 0, 8, 0], [0, 0, 13, 0], header.slice(0, 9)]
  ) {
    assertThrows(
      () => parseIdx("page.html", Uint8Array.from(bytes)),
      SyntaxError,
      "page.html is not an IDX file of unsigned bytes",
    );
  }
});

Deno.test("loadMnist() has all of MNIST, and holdBack() splits it", async () => {
  const { train, test } = await loadMnist();
  assertEquals(train.labels.length, 60_000);
  assertEquals(test.labels.length, 10_000);
  assertEquals([...train.labels.subarray(0, 5)], [5, 0, 4, 1, 9]);
  assertEquals([...test.labels.subarray(0, 5)], [7, 2, 1, 0, 4]);
  const [rest, heldBack] = holdBack(train, 5000);
  assertEquals(rest.pixels.length, 55_000 * 784);
  assertEquals(heldBack.pixels.length, 5_000 * 784);
  assertEquals(heldBack.labels[0], train.labels[55_000]);
});
