/** The formulas of both backends, which the build reads. @module */
import { assertEquals, assertThrows } from "@std/assert";
import {
  functionIn,
  statementsOf,
  valueOf,
} from "../../../tools/kernels/wgsl_formulas.ts";

Deno.test("a formula in WGSL is read with its precedence, and products are added to", () => {
  const instruction = (name: string) => (...operands: string[]) =>
    `${name}(${operands})`;
  const instructions = {
    "+": instruction("add"),
    "-": instruction("sub"),
    "*": instruction("mul"),
    "/": instruction("div"),
    sqrt: instruction("sqrt"),
    negative: instruction("neg"),
    multiplyAdd: instruction("madd"),
  };
  const read = (text: string) =>
    statementsOf(text).map(({ name, isNew, expression }) => [
      ...[name, isNew],
      valueOf(expression, (leaf) => `${leaf}`, instructions),
    ]);
  assertEquals(read("let a = x * y + z * w; b = a - x * y;"), [
    ["a", true, "madd(x,y,mul(z,w))"],
    ["b", false, "sub(a,mul(x,y))"],
  ]);
  assertEquals(read("a = x + y * -2.5e-3 / sqrt(z + 1.0);"), [
    ["a", false, "add(x,div(mul(y,-0.0025),sqrt(add(z,1))))"],
  ]);
  assertEquals(read("a = x * y - z;"), [
    ["a", false, "madd(x,y,neg(z))"],
  ]);
  assertEquals(read("a = (x + y) * z + w;"), [[
    "a",
    false,
    "madd(add(x,y),z,w)",
  ]]);
  const wrong = [
    "a = x",
    "a += x;",
    "let = x;",
    "a = x[0];",
    "a = f(x;",
    "a = x ? y;",
  ];
  for (const text of wrong) assertThrows(() => read(text), Error);
  assertThrows(() => read("a = exp(x);"), Error, "no exp");
});

Deno.test("a function in WGSL has its parameters, and reads nothing else", () => {
  const text = (body: string) => `fn twice(x: f32, y: Pack) -> f32 { ${body} }`;
  const read = functionIn(text("let z = x + y; return z * -2.0;"));
  assertEquals(read.name, "twice");
  assertEquals(read.parameters, ["x", "y"]);
  assertEquals(read.statements.map(({ name }) => name), ["z", "return"]);
  assertEquals(read.statements[1]!.expression, {
    of: "*",
    operands: ["z", -2],
  });
  assertThrows(() => functionIn(text("return w;")), Error, "No w");
  assertThrows(() => functionIn(text("let z = x;")), Error, "returned");
  assertThrows(() => functionIn("fn twice(x: f32) { return x; }"), Error);
});
