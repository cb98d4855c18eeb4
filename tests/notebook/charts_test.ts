/** Charts: curves, panels, attention, and what they are compared with. @module */
import {
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  attentionMatrix,
  confusionFigure,
  curves,
  DISPLAY,
  type Figure,
  matrix,
  panels,
  weightsOverImage,
  weightsOverText,
} from "../../lib/notebook/mod.ts";
import { FORM_COLORS, VARIANT_COLORS } from "../../lib/notebook/palette.ts";
import { assertSame, difference } from "../../notebooks/comparison.ts";
import { matrixRank } from "../../notebooks/matrix_rank.ts";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";

Deno.test("no form has the colour of a variant", () => {
  const all = [...Object.values(FORM_COLORS), ...Object.values(VARIANT_COLORS)];
  assertEquals(new Set<string>(all).size, all.length);
});

Deno.test("curves() has ticks at few points, round numbers at many", () => {
  const at = [256, 1024, 16_384];
  const few = curves({ full: [1, 4, 9] }, { at, xType: "log" });
  const { tickvals, ticktext } = few.layout["xaxis"] as Figure["layout"];
  assertEquals([tickvals, ticktext], [at, ["256", "1024", "16,384"]]);
  const ys = Array.from({ length: 100 }, (_, i) => 3 + i);
  const many = curves({ a: ys }, { at: ys, xType: "log", yType: "log" });
  for (const axis of ["xaxis", "yaxis"]) {
    const { ticktext } = many.layout[axis] as Figure["layout"];
    assertEquals(ticktext, ["5", "10", "20", "50", "100"]);
  }
  assertEquals([few, many].map(({ data }) => data[0]!["mode"]), [
    "lines+markers",
    "lines",
  ]);
});

Deno.test("curves() takes typed arrays, gaps, and styles of single curves", () => {
  const { data, layout, caption } = curves({
    "LION-D, seed 2": new Float32Array([1, NaN]),
    other: { x: [3], y: [5], color: "#abcdef", dash: "dot" },
  }, { caption: "As seen." });
  assertEquals(data.map(({ x, y }) => [x, y]), [[[0, 1], [1, NaN]], [[3], [
    5,
  ]]]);
  assertEquals(data.map(({ line }) => line), [
    { color: VARIANT_COLORS["LION-D"], dash: "solid", width: 2.5 },
    { color: "#abcdef", dash: "dot", width: 2.5 },
  ]);
  assertEquals([layout["showlegend"], caption], [true, "As seen."]);
  assertThrows(
    () => curves({ a: [1, 2] }, { at: [1] }),
    RangeError,
    'y of "a" should have 1 values as x has, got 2',
  );
  for (const one of [5, undefined, { x: [1] }]) {
    assertThrows(
      () => curves({ a: one as never }),
      TypeError,
      "series should be arrays of numbers, or objects with one as y, got ",
    );
  }
});

Deno.test("confusionFigure() shows counts, and colours shares of a row", async () => {
  const classes = ["cat", "dog", "owl"];
  const { data: [trace], layout } = await confusionFigure(
    [[8, 2, 0], Int32Array.of(0, 5, 0), [0, 0, 0]],
    { classes },
  );
  assertEquals(trace!["z"], [[0.8, 0.2, 0], [0, 1, 0], [0, 0, 0]]);
  assertEquals(trace!["text"], [["8", "2", "0"], ["0", "5", "0"], [
    ...["0", "0", "0"],
  ]]);
  assertEquals([trace!["zmin"], trace!["zmax"]], [0, 1]);
  for (const [name, title] of [["xaxis", "predicted"], ["yaxis", "true"]]) {
    const axis = layout[name!] as {
      title: { text: string };
      ticktext: string[];
    };
    assertEquals([axis.title.text, axis.ticktext], [title!, classes]);
  }
  const many = Array.from({ length: 21 }, (_, i) => new Int32Array(21).fill(i));
  const { data: [large] } = await confusionFigure(many);
  assertEquals(large!["texttemplate"], undefined);
  await assertRejects(
    () => confusionFigure([[1, 2]]),
    RangeError,
    "counts should have as many columns as rows, 1, got 2 in row 0",
  );
  await assertRejects(
    () => confusionFigure([[1]], { classes }),
    RangeError,
    "classes should be 1 names, one for each row of counts, got 3",
  );
});

Deno.test("panels() puts each figure on axes of its own", async () => {
  const shape = { type: "line", x0: 0, x1: 1, y0: 0, y1: 1 };
  const first = curves({ full: [1, 2], recurrent: [2, 3] }, { title: "time" });
  const second = curves({ full: [3, 4] }, { title: "memory" });
  second.layout["shapes"] = [shape, { ...shape, yref: "paper" }];
  const { data, layout, title } = panels([first, second], { title: "Both" });
  assertEquals(
    data.map(({ name, xaxis, yaxis, showlegend }) =>
      [name, xaxis, yaxis, showlegend].join(" ")
    ),
    ["full x y true", "recurrent x y true", "full x2 y2 false"],
  );
  assertEquals(title, "Both");
  assertEquals(
    (layout["shapes"] as Record<string, string>[]).map(({ xref, yref }) =>
      `${xref} ${yref}`
    ),
    ["x2 y2", "x2 y2 domain"],
  );
  assertEquals(
    (layout["annotations"] as { text: string }[]).map(({ text }) => text),
    ["time", "memory"],
  );
  const masks = [await attentionMatrix([[1]]), await attentionMatrix([[0]])];
  assertEquals(
    panels(masks).data.map(({ showscale }) => showscale),
    [false, true],
  );
  const apart = panels([masks[0]!, await matrix([[1]], { range: [0, 9] })]);
  assertEquals(
    apart.data.map(({ showscale, colorbar }) => [showscale, !!colorbar]),
    [[true, true], [true, true]],
  );
  const { scaleanchor } = apart.layout["yaxis2"] as { scaleanchor: string };
  assertEquals(scaleanchor, "x2");
});

Deno.test("panels() refuses no figures, and panels in panels", () => {
  assertThrows(() => panels([]), RangeError, "should not be empty, got none");
  const both = panels([curves({ a: [1] }), curves({ a: [1] })], { title: "T" });
  assertThrows(
    () => panels([both]),
    RangeError,
    'one pair of axes each, "T" has more',
  );
});

Deno.test("matrix() draws what one head has", async () => {
  const head = tf.ones([1, 1, 2, 3]);
  assertEquals((await matrix(head)).data[0]!["z"], [[1, 1, 1], [1, 1, 1]]);
  head.dispose();
});

Deno.test("difference() is a part of the largest value, NaN where one is", async () => {
  const [a, b] = [tf.tensor1d([0, -3]), tf.tensor1d([1, -4])];
  assertEquals(await difference(a, b), 0.25);
  assertEquals(await difference(tf.zeros([2]), tf.zeros([2])), 0);
  assertEquals(await difference(tf.ones([1]), tf.zeros([1])), Infinity);
  assertEquals(await difference(tf.tensor1d([NaN, 0]), b), NaN);
  for (const wrong of [a, tf.tensor1d([NaN, -4])]) {
    await assertRejects(() => assertSame(wrong, b), Error, "tensors differ by");
  }
  await assertSame(a, b, 0.25);
  await assertRejects(
    () => assertSame(tf.ones([2, 1]), b),
    TypeError,
    "actual should have the shape [2] of expected, got [2,1]",
  );
});

Deno.test("matrixRank() counts pivots", () => {
  assertEquals(matrixRank([[0, 0], [0, 0]]), 0);
  assertEquals(matrixRank([[0, 2], [3, 0]]), 2);
  assertEquals(matrixRank([[1, 2, 3], [2, 4, 6 + 1e-7]]), 1);
  assertEquals(matrixRank([[1, 2, 3], [2, 4, 6 + 1e-2]]), 2);
});

Deno.test("weightsOverImage() lays patches over the pixels that they are of", async () => {
  const image = tf.tensor4d([0, 2, 4, 6, 0, 0, 0, 0], [1, 2, 2, 2]);
  const weights = tf.tensor4d([-1, 3, 0.5, 2], [1, 1, 2, 2]);
  const { data, layout } = await weightsOverImage(image, weights, {
    title: "Patches",
    opacity: 0.5,
  });
  const [pixels, patches] = data;
  assertEquals(pixels!["z"], [[1, 5], [0, 0]]);
  assertEquals(patches!["z"], [[-1, 3], [0.5, 2]]);
  assertEquals(
    ["opacity", "colorscale", "zmin", "zmax"].map((name) => patches![name]),
    [0.5, "RdBu", -3, 3],
  );
  assertEquals(layout["title"], { text: "Patches" });
  // A strip of 2 × 4 pixels has two squares; a row of weights may be a tensor.
  const strip = tf.zeros([2, 4]);
  const row = tf.tensor3d([1, 2], [1, 1, 2]);
  const other = await weightsOverImage(strip, row);
  const own = other.data[1]!;
  assertEquals([own["z"], own["x0"], own["dx"], own["y0"]], [
    ...[[[1, 2]], 0.5, 2, 0.5],
  ]);
  assertEquals([own["zmin"], own["zmax"], own["colorscale"]], [
    ...[0, 2, "Viridis"],
  ]);
  for (
    const [given, kind, text] of [
      [[1, 2, 3, 4, 5], RangeError, "leave out the class token"],
      [[[1], [2], [3]], RangeError, "2 × 4 pixels, got 3 × 1"],
      [tf.zeros([2, 1, 2]), TypeError, "squeeze or slice"],
    ] as const
  ) {
    await assertRejects(() => weightsOverImage(strip, given), kind, text);
  }
  await assertRejects(
    () => weightsOverImage(tf.zeros([2, 4, 4, 1]), [1]),
    TypeError,
    "slice one from a batch",
  );
  tf.dispose([image, weights, strip, row]);
});

Deno.test("weightsOverText() colours tokens by sign and size, and shows any text as it is", async () => {
  const weights = tf.tensor3d([0.5, -1, 0], [1, 1, 3]);
  const tokens = ["<b>", " a", "\n"];
  const text = await weightsOverText(tokens, weights, {
    title: "A & B",
    reader: 1,
  });
  const { "text/html": html, "text/plain": plain } = await text[DISPLAY]();
  assertEquals(
    html,
    '<p style="white-space: pre-wrap; line-height: 1.8"><b>A &amp; B</b><br>' +
      '<span style="background: rgba(11, 143, 143, 0.375)" title="0.5">&lt;b></span>' +
      '<span style="background: rgba(194, 69, 127, 0.75); outline: 2px solid" title="-1"> a</span>' +
      '<span style="background: rgba(11, 143, 143, 0)" title="0">\n</span></p>',
  );
  assertEquals(plain, "<b> [0.5] a [-1]\n [0]");
  const full = await weightsOverText(["a"], [1], { full: 10 });
  const { "text/html": pale } = await full[DISPLAY]();
  assertStringIncludes(`${pale}`, "143, 0.075)");
  await assertRejects(
    () => weightsOverText(["a", "b"], [1]),
    RangeError,
    "one for each of 2 tokens, got 1",
  );
  await assertRejects(
    () => weightsOverText(["a"], [1], { reader: 1 }),
    RangeError,
    "reader",
  );
  weights.dispose();
});
