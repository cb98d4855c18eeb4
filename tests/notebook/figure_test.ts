import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Figure } from "../../lib/notebook/mod.ts";
import {
  defaultRenderers,
  parseRenderers,
} from "../../lib/notebook/renderers.ts";
import { readPNG } from "./png.ts";

const LINES = new Figure(
  [
    { x: new Int32Array([1, 10, 100]), y: [1, 0.1, NaN], name: "train" },
    { x: [1, 10, 100], y: [1, 0.2, 0.05], name: "a < b", mode: "markers" },
  ],
  {
    title: { text: "<b>Loss</b><br>of two runs" },
    xaxis: { title: { text: "step" }, type: "log" },
    yaxis: { title: { text: "nats" }, type: "log" },
    annotations: [{ x: 1, y: -1, text: "here" }],
    width: 320,
    height: 240,
  },
);

Deno.test("toJSON() has arrays, and gaps for what is not finite", () => {
  const figure = new Figure([{
    x: new Float64Array([1, -Infinity]),
    y: [[NaN, 2n], new Date(0)],
    hidden: undefined,
    format: () => "",
    none: null,
  }]);
  assertEquals(figure.toJSON(), {
    data: [{
      x: [1, null],
      y: [[null, 2], "1970-01-01T00:00:00.000Z"],
      none: null,
    }],
    layout: {},
  });
});

Deno.test("toHTML() is a page on its own, whatever its texts hold", () => {
  const title = "</script><script>alert(1)</script>";
  const figure = new Figure([{ y: [1], name: "<!--<script>" }], {
    title: { text: title },
  });
  const page = figure.toHTML();
  assertStringIncludes(page, "plotly.js v4");
  assertStringIncludes(page, "<title>&lt;/script>&lt;script>");
  const own = figure.toHTML({ plotly: false });
  assertEquals(own.match(/<script|<\/script|<!--/g), ["<script", "</script"]);
  const part = figure.toHTML({ fullPage: false, plotly: "cdn" });
  assert(part.startsWith('<script src="https://cdn.plot.ly/plotly-4.'));
  assert(!part.includes("<html"));
  // A page that has two has two elements.
  assert(figure.toHTML({ plotly: false }) !== own);
});

Deno.test("toHTML() has the caption below the figure", () => {
  const figure = new Figure([{ y: [1] }], {}, { caption: "a < b" });
  const page = figure.toHTML({ plotly: false });
  assertStringIncludes(page, '<p class="caption"><em>a &lt; b</em></p>');
});

Deno.test("toImage() draws a PNG of the same bytes each time", async () => {
  const png = await LINES.toImage();
  const [other, same] = await Promise.all([
    new Figure([{ y: [1] }]).toImage(),
    LINES.toImage(),
  ]);
  assertEquals(same, png);
  assert(other.length !== png.length);
  const { width, height, colors } = readPNG(png);
  assertEquals([width, height], [640, 480]);
  for (const color of ["#ffffff", "#1f77b4", "#ff7f0e", "#444444"]) {
    assert((colors.get(color) ?? 0) > 50, `${color} is there`);
  }
});

Deno.test("toImage() draws SVG whose texts are in place", async () => {
  const svg = await LINES.toImage({ format: "svg", width: 500 });
  assertEquals(svg.match(/NaN|undefined|Infinity/g), null);
  // Two in one page do not share the names of what they refer to.
  const other = await new Figure([{ y: [1] }]).toImage({ format: "svg" });
  const names = [svg, other].map((text) =>
    /clipPath id="[^"]+"/.exec(text)![0]
  );
  assert(names[0] !== names[1], names.join());
  assertStringIncludes(svg, 'width="500" height="240"');
  for (
    const text of ["Loss", "of two runs", "step", "nats", "a &#60; b", "here"]
  ) {
    assertStringIncludes(svg, `${text}</t`);
  }
});

Deno.test("toImage() draws cells with sharp edges", async () => {
  const figure = new Figure(
    [{
      type: "heatmap",
      z: [[0, 1], [1, 0]],
      colorscale: [[0, "#ff0000"], [1, "#0000ff"]],
      showscale: false,
    }],
    { width: 200, height: 200, margin: { t: 0, r: 0, b: 0, l: 0 } },
  );
  const { at, colors } = readPNG(await figure.toImage({ scale: 1 }));
  assertEquals([at(50, 50), at(150, 50)], ["#0000ff", "#ff0000"]);
  assertEquals([at(50, 150), at(150, 150)], ["#ff0000", "#0000ff"]);
  assertEquals(at(98, 50), "#0000ff");
  assert(colors.get("#ff0000")! > 18_000);
});

Deno.test("toImage() draws with WebGL's siblings where there is none", async () => {
  const figure = new Figure(
    [{ type: "scattergl", mode: "markers", x: [1, 2], y: [1, 2] }],
    { width: 200, height: 200 },
  );
  const { colors } = readPNG(await figure.toImage());
  assert((colors.get("#1f77b4") ?? 0) > 50);
});

Deno.test("writeImage() writes whole files of two kinds", async () => {
  const folder = await Deno.makeTempDir();
  await LINES.writeImage(`${folder}/a.png`);
  await LINES.writeImage(`${folder}/a.svg`);
  await LINES.writeHTML(`${folder}/a.html`);
  assertEquals(await Deno.readFile(`${folder}/a.png`), await LINES.toImage());
  assertStringIncludes(await Deno.readTextFile(`${folder}/a.svg`), "<svg");
  assertStringIncludes(
    await Deno.readTextFile(`${folder}/a.html`),
    "<!DOCTYPE",
  );
  await assertRejects(
    () => LINES.writeImage(`${folder}/none/a.png`),
    Error,
    "cannot be written",
  );
  await assertRejects(
    () => LINES.writeImage(`${folder}/a.gif`),
    RangeError,
    'path should end in .png or .svg, got "',
  );
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  assertEquals(names, ["a.html", "a.png", "a.svg"]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("show() in a script writes a page and prints where it is", async () => {
  const printed: string[] = [];
  const { log } = console;
  console.log = (text: string) => void printed.push(text);
  try {
    await LINES.show();
    await LINES.show("notebook");
  } finally {
    console.log = log;
  }
  const [path, text] = printed;
  assertStringIncludes(await Deno.readTextFile(path!), "<!DOCTYPE html>");
  assertEquals(text, "Figure: <b>Loss</b><br>of two runs");
  await Deno.remove(path!);
});

Deno.test("the default renderers are plotly.py's, or the environment's", () => {
  assertEquals(defaultRenderers(), "browser");
  Deno.env.set("PLOTLY_RENDERER", "svg");
  try {
    assertEquals(defaultRenderers(), "svg");
  } finally {
    Deno.env.delete("PLOTLY_RENDERER");
  }
  assertEquals(parseRenderers("png+svg"), ["png", "svg"]);
  assertThrows(
    () => parseRenderers("png+colab"),
    RangeError,
    'joined by "+", got "colab"',
  );
});

Deno.test("Figure() says what is wrong with it", async () => {
  assertThrows(
    () => new Figure({ y: [1] } as never),
    TypeError,
    "data should be an array of traces, got object",
  );
  assertThrows(
    () => new Figure([], { title: "Loss" }),
    TypeError,
    'layout.title should be { text: "Loss" }, got a string',
  );
  assertThrows(
    () => new Figure([], { xaxis2: { title: "step" } }),
    TypeError,
    "layout.xaxis2.title should be",
  );
  await assertRejects(
    () => LINES.toImage({ format: "jpeg" as never }),
    RangeError,
    'format should be "png" or "svg", got "jpeg"',
  );
});
