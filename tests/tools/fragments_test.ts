import { assertEquals } from "@std/assert";
import { fragmentsOf } from "../../tools/house/fragments.ts";

const SOURCE = `
/** The same for its gradients alone. */
const a = 1;
/** Log decays of one direction, \`[heads, length]\`. */
const b = 2;
// Of four rows each.
const c = 3;
// What is read twice is kept.
const d = 4;
// It is part of
// a longer comment.
const e = "// It is text.";
/** What passes the chunk. */
const f = 5;
/** Whether it has ended. @default false */
const g = 6;
/** The quad of a column. */
const h = 7;
`;

Deno.test("fragmentsOf() finds comments that need another line", () => {
  assertEquals(
    fragmentsOf(SOURCE, "a.ts").map(({ line, kind }) => [line, kind]),
    [
      [2, "points elsewhere"],
      [6, "has no main clause"],
      [13, "is a relative clause"],
      [15, "has a pronoun before any name"],
      [17, "has a private word"],
    ],
  );
});
