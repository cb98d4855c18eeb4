import {
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  DISPLAY,
  display,
  type Displayable,
  markdown,
  matrix,
  table,
  tex,
} from "../../lib/notebook/mod.ts";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";

async function formOf(value: Displayable, type: string): Promise<string> {
  return (await value[DISPLAY]())[type] as string;
}

/** What `run` prints. */
async function printed(run: () => Promise<unknown>): Promise<unknown[]> {
  const lines: unknown[] = [];
  const { log } = console;
  console.log = (line: unknown) => void lines.push(line);
  try {
    await run();
  } finally {
    console.log = log;
  }
  return lines;
}

Deno.test("display() prints text in a script", async () => {
  const lines = await printed(async () => {
    const output = await display("one");
    await output.update({ "text/plain": "two" });
    await output.update({ "image/png": "…", "text/html": "…" });
  });
  assertEquals(lines, ["one", "two", "image/png, text/html"]);
});

Deno.test("display() says what is wrong with a value", async () => {
  for (const value of [null, undefined, 3, [1]]) {
    await assertRejects(
      () => display(value as never),
      TypeError,
      "value should",
    );
  }
});

Deno.test("display() prints a tensor's dtype, shape and values in a script", async () => {
  const tensor = tf.tensor1d([1, 2]);
  const [line] = await printed(async () => {
    await display(tensor as never);
  });
  assertStringIncludes(String(line), "float32");
  assertStringIncludes(String(line), "[1, 2]");
  tensor.dispose();
});

Deno.test("markdown() and tex() have their sources in them", async () => {
  assertEquals(await formOf(markdown("**a**"), "text/markdown"), "**a**");
  assertEquals(await formOf(tex("x^2"), "text/latex"), "$$x^2$$");
  assertEquals(await formOf(tex("x^2"), "text/plain"), "x^2");
});

Deno.test("table() has a column for each name of any row", async () => {
  const value = table([
    { name: "<a>", count: 10, share: 0.123456 },
    { name: "b", share: 1234.5678, good: true },
  ]);
  assertEquals(
    await formOf(value, "text/plain"),
    [
      "name  count   share  good",
      "<a>      10  0.1235",
      "b              1235  true",
    ].join("\n"),
  );
  const html = await formOf(value, "text/html");
  assertStringIncludes(html, '<td style="text-align: left">&lt;a></td>');
  assertStringIncludes(html, '<td style="text-align: right">10</td>');
  assertEquals(await formOf(table([]), "text/plain"), "");
  assertEquals(
    await formOf(table([{ x: Math.PI }], { digits: 2 }), "text/plain"),
    "  x\n3.1",
  );
  assertThrows(
    () => table([], { digits: 0 }),
    RangeError,
    "digits should be a whole number from 1 to 21, got 0",
  );
});

Deno.test("matrix() reads a tensor, and leaves it", async () => {
  const tensor = tf.tensor2d([[1, 2, 3], [4, 5, 6]]);
  const { numTensors } = tf.memory();
  const { data, layout } = await matrix(tensor, { title: "T", rows: "i" });
  assertEquals(tf.memory().numTensors, numTensors);
  assertEquals(data[0]!["z"], [[1, 2, 3], [4, 5, 6]]);
  assertEquals(layout["title"], { text: "T" });
  const { title, autorange, scaleanchor } = layout["yaxis"] as typeof layout;
  assertEquals([title, autorange, scaleanchor], [
    { text: "i" },
    "reversed",
    "x",
  ]);
  tensor.dispose();
});

Deno.test("matrix() takes rows of numbers, labels and a range", async () => {
  const rows = [new Float32Array([1, 2]), [3, NaN]];
  const { data, layout } = await matrix(rows, {
    columns: ["a", "b"],
    range: [-1, 1],
    colorscale: "RdBu",
  });
  const { z, zmin, zmax, colorscale } = data[0]!;
  assertEquals([z, zmin, zmax, colorscale], [
    [[1, 2], [3, NaN]],
    -1,
    1,
    "RdBu",
  ]);
  const { tickvals, ticktext } = layout["xaxis"] as typeof layout;
  assertEquals([tickvals, ticktext], [[0, 1], ["a", "b"]]);
});

Deno.test("matrix() says what is wrong with its values", async () => {
  const tensor = tf.zeros([2, 2, 2]);
  await assertRejects(
    () => matrix(tensor),
    TypeError,
    "values should be [rows, columns], got a tensor of shape [2,2,2]",
  );
  tensor.dispose();
  await assertRejects(
    () => matrix([[1, 2], [3]]),
    RangeError,
    "should have 2 columns as the first has, got 1 in row 1",
  );
  await assertRejects(
    () => matrix([[1, 2]], { columns: ["a"] }),
    RangeError,
    "columns should be a title or 2 labels, got 1",
  );
});
