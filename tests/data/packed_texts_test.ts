/** Lists of texts that take little memory. @module */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { PackedTexts } from "../../lib/data/batches/packed_texts.ts";

Deno.test("packed texts are those that were packed", () => {
  const texts = fc.array(fc.string({ unit: "grapheme" }), { maxLength: 30 });
  fc.assert(
    fc.property(texts, texts, (first, more) => {
      const packed = new PackedTexts(first);
      for (const text of more) packed.push(text);
      const all = [...first, ...more];
      assertEquals(packed.size, all.length);
      assertEquals([...packed], all);
      assertEquals(all.map((_, i) => packed.get(i)), all);
    }),
    { numRuns: 200, seed: 1 },
  );
});

Deno.test("packed texts have their byte order marks, and there is none beyond them", () => {
  const packed = new PackedTexts(["\ufeffa", "", "🦁"]);
  assertEquals([...packed], ["\ufeffa", "", "🦁"]);
  assertEquals([packed.get(3), new PackedTexts().get(0)], ["", ""]);
});
