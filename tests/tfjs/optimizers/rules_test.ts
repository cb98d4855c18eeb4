/** Rules that change weights in place, and the formulas of which both backends make them. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  ownValues,
  updateInPlace,
} from "../../../lib/tfjs/optimizers/rules.ts";
import { statementsOf, valueOf } from "../../../tools/kernels/wgsl_formulas.ts";
import { onEachBackend } from "../../backends.ts";

onEachBackend(
  "weights of all sizes change in place, times a factor",
  async () => {
    const sizes = [0, 1, 4, 1023, 1024, 5000];
    const weights = sizes.map((size) => ({
      value: tf.fill([size], 3),
      gradient: tf.range(0, size),
      states: [tf.fill([size], 1)],
    }));
    const factor = tf.scalar(0.5);
    const before = await weights[3]!.value.data();
    for (const { value, states } of weights) {
      for (const x of [value, ...states]) assert(ownValues(x) === x);
    }
    for (let step = 0; step < 2; step++) {
      const numbers = { step: -0.25, decay1: 0.5 };
      updateInPlace("momentum", weights, numbers, factor);
    }
    for (const { value, states: [sum] } of weights) {
      const [values, sums] = await Promise.all([value.data(), sum!.data()]);
      values.forEach((x, i) => {
        const one = 0.5 + 0.5 * i, two = 0.5 * one + 0.5 * i;
        assertEquals([x, sums[i]], [3 - 0.25 * (one + two), two]);
      });
    }
    assertEquals(before[1022], 3);
    tf.dispose([...weights.map((weight) => Object.values(weight)), factor]);
  },
  ["wasm", "webgpu"],
);

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
    ["a", false, "add(x,div(mul(y,neg(0.0025)),sqrt(add(z,1))))"],
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
