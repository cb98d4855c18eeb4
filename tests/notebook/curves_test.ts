import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Curve, curvesSVG } from "../../lib/notebook/curves_svg.ts";
import { LivePlot } from "../../lib/notebook/mod.ts";
import {
  FORM_COLORS,
  VARIANT_COLORS,
} from "../../lib/notebook/figure_style/palette.ts";

function draw(
  curves: Record<string, Curve>,
  yType: "linear" | "log" = "linear",
): string {
  return curvesSVG({
    title: "a < b",
    x: "step",
    y: "loss",
    yType,
    curves: new Map(Object.entries(curves)),
  });
}

/** The labels of the vertical axis, from below. */
function labels(svg: string): number[] {
  return [...svg.matchAll(/text-anchor="end">([^<]+)</g)]
    .map(([, label]) => Number(label));
}

Deno.test("curves are drawn with round numbers beside them", () => {
  const svg = draw({ train: [[1, 0.03], [2, 0.71]], test: [[1, 0.5]] });
  assertEquals(labels(svg), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]);
  // 0.7 - 0.3 is less than 0.4.
  const close = draw({ train: [[0.3, 0.3], [0.7, 0.7]] });
  assertEquals(labels(close), [0.3, 0.4, 0.5, 0.6]);
  assertStringIncludes(svg, "a &lt; b</text>");
  for (const text of ["step", "loss", "train", "test"]) {
    assertStringIncludes(svg, `>${text}</text>`);
  }
});

Deno.test("curves are drawn on a logarithmic axis, without what it has no place for", () => {
  assertEquals(
    labels(draw({ a: [[0, 0], [1, 0.01], [2, -1], [3, 30]] }, "log")),
    [0.01, 0.1, 1, 10],
  );
  assertEquals(
    labels(draw({ a: [[0, 0.3], [1, 3]] }, "log")),
    [0.5, 1, 2],
  );
  assertEquals(
    labels(draw({ a: [[0, 2.1], [1, 2.6]] }, "log")),
    [2.1, 2.2, 2.3, 2.4, 2.5, 2.6],
  );
});

Deno.test("curves of all kinds have coordinates", () => {
  const kinds: Record<string, Curve> = {
    none: [],
    one: [[5, 5]],
    flat: [[1, 2], [2, 2]],
    broken: [[1, NaN], [2, Infinity], [3, 1], [NaN, 2]],
    tiny: [[1, 1e-30], [2, 3e-30]],
    huge: [[1, 1e30], [1e9, -1e30]],
  };
  for (const [name, curve] of Object.entries(kinds)) {
    for (const yType of ["linear", "log"] as const) {
      const svg = draw({ [name]: curve }, yType);
      assertEquals(svg.match(/NaN|Infinity|undefined/g), null, name + yType);
    }
  }
});

Deno.test("a long curve is drawn with points enough", () => {
  const curve = Array.from({ length: 12_345 }, (_, i) => [i, i] as Curve[0]);
  const svg = draw({ long: curve });
  assert(svg.length < 30_000, `${svg.length}`);
  assertStringIncludes(svg, "520 50h0"); // the last one
});

Deno.test("LivePlot shows nothing in a script, and has all points", async () => {
  const plot = new LivePlot({ title: "Loss", y: "nats", yType: "log" });
  plot.log(1, { train: 3, test: 4 });
  plot.log(2, { train: 2 });
  await plot.end();
  const { data, layout } = plot.figure;
  assertEquals(
    data.map(({ x, y, name }) => ({ x, y, name })),
    [
      { x: [1, 2], y: [3, 2], name: "train" },
      { x: [1], y: [4], name: "test" },
    ],
  );
  assertEquals(layout["yaxis"], {
    title: { text: "nats" },
    type: "log",
    tickmode: "array",
    tickvals: [2, 2.5, 3, 3.5, 4],
    ticktext: ["2", "2.5", "3", "3.5", "4"],
  });
});

Deno.test("LivePlot labels its logarithmic axis with whole numbers", async () => {
  const plot = new LivePlot({ title: "", yType: "log" });
  plot.log(1, { perplexity: 700 });
  plot.log(2, { perplexity: 70 });
  await plot.end();
  const { ticktext } = plot.figure.layout["yaxis"] as { ticktext: string[] };
  assertEquals(ticktext, ["100", "200", "500"]);
});

Deno.test("LivePlot has the colours of variants, and those that are given", () => {
  const plot = new LivePlot({ title: "", colors: { guess: "#123456" } });
  plot.log(1, { "LION-S": 1, "LION-S, seed 2": 1, guess: 1, other: 1 });
  const colors = plot.figure.data.map(({ line }) =>
    (line as { color: string }).color
  );
  const own = VARIANT_COLORS["LION-S"];
  assertEquals(colors.slice(0, 3), [own, own, "#123456"]);
  assert(!Object.values(VARIANT_COLORS).includes(colors[3] as typeof own));
});

Deno.test("the live drawing has the colours of the last one", () => {
  const svg = draw({ full: [[1, 1], [2, 2]], chunkwise: [[1, 2], [2, 1]] });
  assertEquals(
    [...svg.matchAll(/<g stroke="(#\w+)"/g)].map(([, color]) => color),
    [FORM_COLORS.full, FORM_COLORS.chunkwise],
  );
});
