/** The exported names that `tools/house/exports.ts` counts. @module */
import { assert, assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { exportsOfEntries, namesOf } from "../../tools/house/exports.ts";

Deno.test("exportsOfEntries() tells values from types, in each entry", async () => {
  const found = await exportsOfEntries();
  assertEquals(found.map(({ entry }) => entry), Object.keys(config.exports));
  for (const { entry, values, types } of found) {
    const file = config.exports[entry as keyof typeof config.exports];
    const module = await import(new URL(`../../${file}`, import.meta.url).href);
    // A class may be exported as a type alone.
    const named = values.filter((name) => Object.hasOwn(module, name));
    assertEquals(named, Object.keys(module).sort(), entry);
    assert(!types.some((name) => Object.hasOwn(module, name)), entry);
  }
  const [main] = found;
  assert(main!.values.includes("lionAttention"));
  assert(main!.types.includes("AttentionForm"));
});

Deno.test("namesOf() has a name once, whatever exports it", () => {
  const one = { entry: "./a", values: ["b", "a"], types: ["T"] };
  const other = { entry: "./b", values: ["c"], types: ["T"] };
  assertEquals(namesOf([one, other]), new Set(["b", "a", "T", "c"]));
});
