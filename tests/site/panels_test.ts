/** What the page to try shows and names, and which keys it takes, without a browser. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertStringIncludes,
} from "@std/assert";
import { JSDOM } from "jsdom";
import { drawChart } from "../../site/chart.ts";
import { Pad } from "../../site/pad.ts";
import {
  CHOSEN,
  chosenRow,
  SENTENCE,
  withIdea,
} from "../../tools/site/idea.ts";

const INDEX = new URL("../../site/index.html", import.meta.url);

/** Runs a function while some of a page's globals are there. */
async function withGlobals(
  globals: Readonly<Record<string, unknown>>,
  run: () => void | Promise<void>,
): Promise<void> {
  const names = Object.keys(globals);
  const before = names.map((name) =>
    Object.getOwnPropertyDescriptor(globalThis, name)
  );
  Object.assign(globalThis, globals);
  try {
    await run();
  } finally {
    for (const [i, name] of names.entries()) {
      delete (globalThis as Record<string, unknown>)[name];
      if (before[i]) Object.defineProperty(globalThis, name, before[i]);
    }
  }
}

Deno.test("each label of the page is that of something to fill in", async () => {
  const { window } = new JSDOM(await Deno.readTextFile(INDEX));
  const labels = [...window.document.querySelectorAll("label")];
  assert(labels.length > 20);
  // A browser takes the first element in a label that can have one: an output, too.
  const others = labels.filter(({ control }) =>
    control?.tagName === "OUTPUT" && control.id !== "digit"
  );
  assertEquals(others.map(({ textContent }) => textContent), []);
});

Deno.test("a chart shows times that a coarse clock says are 0", async () => {
  const { window: { document } } = new JSDOM("<svg></svg>");
  const chart = document.querySelector("svg")!;
  const time = { median: 0, p20: 0, p80: 1, samples: 7, peakBytes: 0 };
  const one = { contender: "full", length: 64, ...time } as const;
  await withGlobals(
    { document },
    () => drawChart(chart, [one], [64, 128]),
  );
  const paths = [...chart.querySelectorAll("path")];
  assert(paths.length > 0);
  for (const path of paths) {
    const way = path.getAttribute("d")!;
    assert(!/NaN|Infinity/.test(way), way);
  }
});

Deno.test("the pad leaves keys with Alt to the browser, and counts a held space bar once", async () => {
  const { window: { document, KeyboardEvent } } = new JSDOM("<canvas>");
  const canvas = document.querySelector("canvas")!;
  const nothing = () => {};
  Object.assign(canvas, {
    getContext: () => new Proxy({}, { get: () => nothing, set: () => true }),
  });
  const getComputedStyle = () => ({ getPropertyValue: () => "" });
  await withGlobals({ getComputedStyle }, () => {
    const pad = new Pad(canvas, nothing);
    const isTaken = (key: string, how: KeyboardEventInit = {}) =>
      !canvas.dispatchEvent(
        new KeyboardEvent("keydown", { key, cancelable: true, ...how }),
      );
    assert(isTaken("ArrowLeft"));
    assert(!isTaken("ArrowLeft", { altKey: true }));
    assert(isTaken(" ") && isTaken(" ", { repeat: true }));
    assert(isTaken("ArrowDown", { repeat: true }));
    assertEquals(pad.strokes.map(({ length }) => length), [2]);
  });
});

Deno.test("what was found goes when the focus goes elsewhere", async () => {
  const { window } = new JSDOM('<search></search><a href="#">elsewhere</a>');
  const { document, FocusEvent } = window;
  await withGlobals({ document }, async () => {
    await import("../../site/search.ts");
    const panel = document.querySelector<HTMLElement>(".found")!;
    const input = document.querySelector("input")!;
    const lose = (relatedTarget: Element | null) => {
      panel.hidden = false;
      const options = { bubbles: true, relatedTarget };
      input.dispatchEvent(new FocusEvent("focusout", options));
      return panel.hidden;
    };
    assert(lose(document.querySelector("a")));
    assert(!lose(panel) && !lose(null));
  });
});

Deno.test("the picture of the idea has what the decays on the way leave of each word", async () => {
  const weights = await chosenRow();
  const decays = SENTENCE.map(([, decay]) => decay);
  const product = (start: number, end: number) =>
    decays.slice(start, end).reduce((all, decay) => all * decay, 1);
  weights.forEach((weight, at) => {
    const wanted = at < CHOSEN
      ? product(at, CHOSEN)
      : product(CHOSEN + 1, at + 1);
    assertAlmostEquals(weight, wanted, 1e-6);
  });
  const html = await withIdea(
    await Deno.readTextFile(INDEX),
  );
  assertStringIncludes(html, '<svg id="idea"');
  assertEquals(html.match(/<rect class="backward step-/g)!.length, 4);
});
