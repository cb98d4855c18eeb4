/** What is read of command lines. */
import { assertEquals, assertThrows } from "@std/assert";
import { someOf } from "../../tools/command_line.ts";

Deno.test("someOf() reads names between commas, and names that have commas", () => {
  const names = ["softmax", "softmax, positions", "both"] as const;
  const read = (text: string) => someOf("--only", text, names);
  assertEquals(read("both"), ["both"]);
  assertEquals(read("softmax,both"), ["softmax", "both"]);
  assertEquals(read("softmax, positions"), ["softmax, positions"]);
  assertEquals(read("both,softmax, positions,softmax"), [
    ...["both", "softmax, positions", "softmax"],
  ]);
  assertEquals(read("both,softmax,both"), ["both", "softmax"]);
  assertThrows(() => read("softmax,"), RangeError, 'got ""');
  assertThrows(
    () => read("both,positions"),
    RangeError,
    'got "positions"',
  );
});
