/** Chunks of the gradient that all forms have in common. @module */
import { assertEquals } from "@std/assert";
import { gradientChunk } from "../../lib/kernels/gradient_chunk.ts";

Deno.test("gradientChunk() is about √length, within the kernel's limits", () => {
  const limits = { smallest: 32, largest: 256 };
  const chunks = [1, 20, 33, 1024, 1025, 10_000, 10_001, 1_000_000]
    .map((length) => gradientChunk(length, limits));
  assertEquals(chunks, [1, 20, 32, 32, 33, 100, 101, 256]);
});
