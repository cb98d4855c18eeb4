import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { shown } from "../../lib/base/shown.ts";
import { onCpu } from "../io/files.ts";

onCpu("a value in a message is short, whatever it is", () => {
  const circle: { self?: object } = {};
  circle.self = circle;
  const x = tf.zeros([2, 3]);
  const cases: [unknown, string][] = [
    ["wasm", '"wasm"'],
    [undefined, "undefined"],
    [null, "null"],
    [NaN, "NaN"],
    [-0.5, "-0.5"],
    [12n, "12"],
    [Symbol("s"), "Symbol(s)"],
    [() => 1, "a function"],
    [[1, NaN, [2, [3]]], "[1,NaN,[2,…]]"],
    [[1, "a", null], '[1,"a",null]'],
    [{ prefer: "cpu" }, '{"prefer":"cpu"}'],
    [circle, '{"self":{…}}'],
    [Object.create(null), "{}"],
    [x, "a tensor of shape [2, 3]"],
    [{ logDecay: x }, '{"logDecay":a tensor of shape [2, 3]}'],
    [new Float32Array(4), "an object of the class Float32Array"],
    [new (class {})(), "an object of the class without a name"],
  ];
  for (const [value, text] of cases) assertEquals(shown(value), text);
  for (const long of ["x".repeat(1e6), Array(1e6).fill(1)]) {
    assert(shown(long).length === 80 && shown(long).endsWith("…"));
  }
  x.dispose();
});
