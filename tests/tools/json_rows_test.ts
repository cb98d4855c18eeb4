/** JSON whose differences can be read. @module */
import { assertEquals } from "@std/assert";
import { jsonRows } from "../../tools/json_rows.ts";

Deno.test("JSON has a line for what fits in one, and for a list of numbers", () => {
  const numbers = Array.from({ length: 200 }, (_, at) => at);
  const words = Array.from({ length: 60 }, (_, at) => `word ${at}`);
  const value = {
    short: { a: [1, "b", null], c: {} },
    numbers,
    words,
    nested: [{ numbers }, { none: undefined }],
  };
  assertEquals(
    jsonRows(value),
    `{
 "short": {"a":[1,"b",null],"c":{}},
 "numbers": ${JSON.stringify(numbers)},
 "words": [
${words.map((word) => `  "${word}"`).join(",\n")}
 ],
 "nested": [
  {
   "numbers": ${JSON.stringify(numbers)}
  },
  {}
 ]
}
`,
  );
});

Deno.test("JSON keeps integers, and seven digits of other numbers", () => {
  const value = [1 / 3, -2e-9 / 3, 123456789.6, 2 ** 52 + 1, NaN, Infinity, -0];
  assertEquals(
    jsonRows(value),
    "[0.3333333,-6.666667e-10,123456800,4503599627370497,null,null,0]\n",
  );
  assertEquals(jsonRows("a\nb"), '"a\\nb"\n');
});
