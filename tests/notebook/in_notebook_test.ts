import { sent } from "./jupyter/fake_kernel.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  DISPLAY,
  display,
  Figure,
  LivePlot,
  markdown,
  Progress,
} from "../../lib/notebook/mod.ts";
import { isNotebook } from "../../lib/notebook/jupyter/kernel.ts";
import { trainingProgress } from "../../lib/training/mod.ts";
import { HOSTILE, inOneLine, readPage } from "../tools/hostile.ts";

const FIGURE = new Figure(
  [{ x: new Int8Array([1, 2]), y: new Float32Array([0.5, NaN]) }],
  { title: { text: "</script> & co" }, width: 320, height: 200 },
);

Deno.test("display() shows and replaces in place", async () => {
  assert(isNotebook());
  const output = await display({ "text/plain": "one", "x/y": [NaN, 1n] });
  await output.update(markdown("*two*"));
  const [first, second, ...rest] = sent();
  assertEquals(first!.data, { "text/plain": "one", "x/y": [null, 1] });
  assertEquals(second!.data, {
    "text/markdown": "*two*",
    "text/plain": "*two*",
  });
  assertEquals([first!.isUpdate, second!.isUpdate], [false, true]);
  assertEquals(first!.id, second!.id);
  assertEquals(rest, []);
  assertEquals(await output[DISPLAY](), {});
});

Deno.test("show() puts plotly.js into the notebook once, and a picture with each figure", async () => {
  await FIGURE.show();
  const [plotly, figure, ...rest] = sent();
  assertEquals(rest, []);
  assertStringIncludes(plotly!.data["text/html"] as string, "plotly.js v");
  assertEquals(
    Object.keys(figure!.data).sort(),
    [
      "application/vnd.plotly.v1+json",
      "image/png",
      "text/html",
      "text/plain",
    ],
  );
  const json = figure!.data["application/vnd.plotly.v1+json"] as Figure;
  assertEquals([...json.data], [{ x: [1, 2], y: [0.5, null] }]);
  const html = figure!.data["text/html"] as string;
  const png = figure!.data["image/png"] as string;
  assertStringIncludes(html, `src="data:image/png;base64,${png}"`);
  assertStringIncludes(html, `alt="&lt;/script> &amp; co"`);
  assertEquals(html.split("</script").length, 2);
  assertEquals(figure!.metadata, { "image/png": { width: 320, height: 200 } });

  await FIGURE.show("notebook_connected");
  await display(FIGURE);
  assertEquals(sent().length, 2);
});

Deno.test("show() leaves out what its renderer does", async () => {
  await FIGURE.show("png");
  await FIGURE.show("svg");
  const keys = sent().map(({ data }) => Object.keys(data).sort());
  assertEquals(keys, [["image/png", "text/plain"], [
    "image/svg+xml",
    "text/plain",
  ]]);
  await assertRejects(() => FIGURE.show("gif"), RangeError, "plotly_mimetype");
});

Deno.test("show() of a figure that needs a browser says so, and shows it", async () => {
  const figure = new Figure([{ type: "surface", z: [[1, 2], [3, 4]] }]);
  await figure.show("plotly_mimetype");
  const [{ data }] = sent() as [ReturnType<typeof sent>[number]];
  assertStringIncludes(data["text/plain"] as string, "without a browser");
  assertEquals("image/png" in data, false);
  await assertRejects(() => figure.show("png"), Error, "without a browser");
});

Deno.test("Progress is one output, redrawn now and then, and in the end", async () => {
  const progress = new Progress({ total: 1000, description: "a < b" });
  for (let i = 0; i < 1000; i++) progress.update(1, { loss: 1 / (i + 1) });
  await progress.close();
  const outputs = sent();
  assert(outputs.length >= 2 && outputs.length < 50, `${outputs.length} drawn`);
  assertEquals(new Set(outputs.map(({ id }) => id)).size, 1);
  assertEquals(outputs.map(({ isUpdate }) => isUpdate).indexOf(true), 1);
  const html = outputs.at(-1)!.data["text/html"] as string;
  assertStringIncludes(html, "a &lt; b: 100%");
  assertStringIncludes(html, '<progress value="1"');
  assertStringIncludes(html, "1000/1000");
  assertStringIncludes(html, "loss=0.001000]");
});

Deno.test("what progress is of is text in its output", async () => {
  for (const text of HOSTILE) {
    const progress = new Progress({ total: 1, description: text, unit: text });
    progress.update(1, { [text]: text });
    await progress.close();
    const html = sent().at(-1)!.data["text/html"] as string;
    const page = readPage(`<!DOCTYPE html><body>${html}`);
    assertEquals(page.skeleton.slice(3), ["DIV style", "PROGRESS style value"]);
    assertStringIncludes(page.shown, inOneLine(text));
  }
});

Deno.test("trainingProgress() shows the last state before it ends", async () => {
  const progress = trainingProgress();
  progress.begin({ step: 10, steps: 20 });
  const state = { steps: 20, examplesPerSecond: 1234.5, secondsLeft: 0 };
  for (let step = 11; step <= 20; step++) {
    const evaluation = { loss: 0.25, accuracy: 0.5 };
    progress.update({ ...state, step, loss: 1 / step, evaluation });
  }
  await progress.end();
  const text = sent().at(-1)!.data["text/plain"] as string;
  assertStringIncludes(text, "| 20/20 [");
  assertStringIncludes(
    text,
    ", loss=0.05000, evaluation loss=0.2500, accuracy=0.5000, examples/s=1235]",
  );
});

Deno.test("LivePlot draws in place, and ends as a figure with its caption", async () => {
  Deno.env.set("PLOTLY_RENDERER", "png");
  const caption = "It falls.";
  const plot = new LivePlot({ title: "Loss", caption, yType: "log" });
  for (let step = 0; step < 10; step++) plot.log(step, { train: 1 / step });
  try {
    await plot.end();
  } finally {
    Deno.env.delete("PLOTLY_RENDERER");
  }
  const outputs = sent();
  assertEquals(outputs.map(({ isUpdate }) => isUpdate), [false, true, false]);
  const [live, last, below] = outputs.map(({ data }) => data);
  assertEquals(below!["text/plain"], caption);
  assertStringIncludes(live!["image/svg+xml"] as string, "Loss</text>");
  assertEquals(Object.keys(last!).sort(), ["image/png", "text/plain"]);
});
