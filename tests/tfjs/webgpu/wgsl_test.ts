import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  declareConstants,
  instance,
  unroll,
} from "../../../lib/tfjs/webgpu/wgsl.ts";

/** The lines of a text, without their indentation. */
const linesOf = (text: string) =>
  text.split("\n").map((line) => line.trim()).filter(Boolean);

Deno.test("declareConstants() declares whole numbers and booleans", () => {
  assertEquals(
    declareConstants({ ROWS: 8, CAUSAL: false }),
    "const ROWS = 8u;\nconst CAUSAL = false;\n",
  );
});

Deno.test("unroll() writes out a loop for each value of its counter", () => {
  const text = unroll(`
  for (var r = 0u; r < 3u; r++) { // unroll
    sum[r] += x.r * row[4u * r];
  }
  let end = sum[0];
`);
  assertEquals(linesOf(text), [
    ...["{", "sum[0u] += x.r * row[4u * 0u];", "}"],
    ...["{", "sum[1u] += x.r * row[4u * 1u];", "}"],
    ...["{", "sum[2u] += x.r * row[4u * 2u];", "}"],
    "let end = sum[0];",
  ]);
});

Deno.test("unroll() writes out loops in loops, with limits of constants", () => {
  const text = unroll(`const TILE = 8u;
for (var half = 0u; half < TILE / 4u; half++) { // unroll
  if (half < rows) {
    for (var r = 0u; r < 2u * TILE / 8u; r++) { // unroll
      write(4u * half + r);
    }
  }
}
`);
  const written = [...text.matchAll(/write\((.*)\);/g)].map(([, x]) => x);
  assertEquals(written, [
    ...["4u * 0u + 0u", "4u * 0u + 1u"],
    ...["4u * 1u + 0u", "4u * 1u + 1u"],
  ]);
  assertEquals(text.match(/if \(\du < rows\)/g)?.length, 2);
  assert(!text.includes("for ("));
});

Deno.test("unroll() leaves out a loop that never runs, and other loops alone", () => {
  const loop = "for (var i = 0u; i < count; i++) { sum += x[i]; }\n";
  const empty = `const NONE = 0u;
for (var i = 0u; i < NONE; i++) { // unroll
  x[i] = 1.0;
}
`;
  assertEquals(unroll(empty + loop), "const NONE = 0u;\n" + loop);
});

Deno.test("unroll() says what is wrong with a marked loop", () => {
  const wrong: [loop: string, message: string][] = [
    ["for (var i = 0u; i < rows; i++) { // unroll\n}\n", "got rows in"],
    ["for (var i = 0u; i < 4u * ROWS; i++) { // unroll\n}\n", "got ROWS in"],
    ["for (var i = 1u; i < 4u; i++) { // unroll\n}\n", "var i = 1u"],
    ["for (var i = 0u; i < 4u; i += 2u) { // unroll\n}\n", "i += 2u"],
    ["for (var i = 0u; i < 4u; i++) { // unroll\n  if (x) {\n}\n", "end"],
  ];
  for (const [loop, message] of wrong) {
    assertThrows(() => unroll(loop), SyntaxError, message);
  }
});

Deno.test("instance() renames what a source declares, wherever it is used", () => {
  assertEquals(
    instance(
      `const ROWS = 8u;
var<workgroup> scores: array<f32, ROWS>;
fn read(row: u32) -> f32 { return scores[row] + uniforms.read + shared_read(row); }
`,
      "dq",
    ),
    `const ROWS_dq = 8u;
var<workgroup> scores_dq: array<f32, ROWS_dq>;
fn read_dq(row: u32) -> f32 { return scores_dq[row] + uniforms.read + shared_read(row); }
`,
  );
});
