/** Which programs of documents and doc comments are run. @module */
import { assertEquals } from "@std/assert";
import { examplesIn } from "./examples.ts";

const BLOCKS = [
  "```ts",
  "one();",
  "```",
  "```ts ignore",
  "two();",
  "```",
  "```sh",
  "three",
  "```",
  "```js",
  "four();",
  "```",
];

Deno.test("programs of a document are those of TypeScript and JavaScript", () => {
  assertEquals(examplesIn("a.md", ["# A", ...BLOCKS].join("\n")), [
    { file: "a.md", line: 3, code: "one();\n" },
    { file: "a.md", line: 12, code: "four();\n" },
  ]);
});

Deno.test("programs of a source stand in its doc comments", () => {
  const comment = (first: string) => [
    first,
    ...BLOCKS.map((line) => ` * ${line}`),
    " */",
  ];
  const lines = ["a();", ...comment("/**"), "b();", ...comment("/*")];
  assertEquals(examplesIn("a.ts", lines.join("\n")), [
    { file: "a.ts", line: 4, code: "one();\n" },
    { file: "a.ts", line: 13, code: "four();\n" },
  ]);
});
