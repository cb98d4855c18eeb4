/// <reference lib="dom" />
/** Drawing a digit, what the classifier makes of it, and its decays. @module */
import type { Calls, FormReading, Reading } from "./calls.ts";
import type { Computer } from "./computer.ts";
import type { Form } from "./contenders.ts";
import { DEPTH, HEADS } from "./sizes.ts";
import { byId, bytes, make, radios, row } from "./elements.ts";
import { EXAMPLES } from "./examples.ts";
import { Pad } from "./pad.ts";
import { drawSeen } from "./seen.ts";
import { type Picture, pictureOf } from "./strokes.ts";

/** The example that is read at first. */
const FIRST = 3;

/** Fills the panel, and keeps it up to date. */
export function digitPanel(computer: Computer<Calls>): void {
  const digit = byId("digit", HTMLOutputElement);
  const verdict = byId("digit-verdict", HTMLElement);
  const shown = byId("decays", HTMLSelectElement);
  const seen = byId("seen", HTMLCanvasElement);
  const bars = makeBars();
  let isBusy = false;
  /** What has changed since the last reading began. */
  let pending: { isDone: boolean } | undefined;
  let last: { picture: Picture; reading: Reading } | undefined;

  const pad = new Pad(
    byId("pad", HTMLCanvasElement),
    (isDone) => update(isDone),
  );
  const forms = radios<Form>("form", () => update(false));
  fillDecays(shown);
  shown.addEventListener("change", showDecays);
  byId("clear", HTMLButtonElement).addEventListener("click", () => {
    pad.strokes = [];
  });
  byId("examples", HTMLElement).append(...EXAMPLES.map((strokes, at) => {
    const button = make(
      "button",
      { type: "button", "aria-label": `Draw a ${at} for me` },
      `${at}`,
    );
    button.addEventListener("click", () => pad.strokes = strokes);
    return button;
  }));
  matchMedia("(prefers-color-scheme: dark)")
    .addEventListener("change", () => {
      pad.paint();
      showDecays();
    });
  pad.strokes = EXAMPLES[FIRST]!;

  function update(isDone: boolean): void {
    pending = { isDone: isDone || (pending?.isDone ?? false) };
    if (!isBusy) void work();
  }

  async function work(): Promise<void> {
    isBusy = true;
    try {
      while (pending) {
        const { isDone } = pending;
        pending = undefined;
        await read(isDone);
      }
    } catch (error) {
      verdict.textContent = `This failed: ${(error as Error).message}`;
    } finally {
      isBusy = false;
    }
  }

  async function read(isDone: boolean): Promise<void> {
    const picture = pictureOf(pad.strokes);
    if (!picture) {
      last = undefined;
      digit.value = "";
      verdict.textContent = "";
      bars([]);
      showDecays();
      showForms([]);
      return;
    }
    const reading = await computer.call(
      "classify",
      picture.pixels,
      forms.value(),
    );
    last = { picture, reading };
    bars(reading.probabilities);
    digit.value = `${
      reading.probabilities.indexOf(Math.max(...reading.probabilities))
    }`;
    showDecays();
    if (isDone) showForms(await computer.call("compare", picture.pixels));
  }

  function showDecays(): void {
    const [block, head] = shown.value.split(" ");
    const heads = last?.reading.decays[Number(block)];
    const decays = heads && head === "mean"
      ? heads[0]!.map((_, at) =>
        heads.reduce((sum, each) => sum + each[at]!, 0) / heads.length
      )
      : heads?.[Number(head)];
    drawSeen(seen, last?.picture.pixels, decays);
  }

  function showForms(readings: readonly FormReading[]): void {
    const sizes = readings.map(({ peakBytes }) => bytes(peakBytes));
    // Where all are the same a sentence says it.
    const differ = new Set(sizes).size > 1;
    byId("forms-memory", HTMLElement).hidden = !differ;
    byId("forms-shown", HTMLElement).hidden = readings.length === 0;
    byId("same-memory", HTMLElement).textContent = sizes.length === 0 || differ
      ? ""
      : ` All four need ${
        sizes[0]
      } of memory at their peak, besides the weights.`;
    byId("forms", HTMLTableSectionElement).replaceChildren(
      ...readings.map((reading, at) =>
        row(
          reading.form,
          `${reading.digit}`,
          reading.form === "full" ? "—" : reading.difference.toExponential(1),
          ...differ ? [sizes[at]!] : [],
        )
      ),
    );
    if (readings.length === 0) return;
    const most = Math.max(...readings.map(({ difference }) => difference));
    const isSame = readings.every(({ digit }) => digit === readings[0]!.digit);
    verdict.textContent = `${
      isSame ? "All four forms agree" : "The forms do not agree"
    }; their logits differ by at most ${
      most.toExponential(1)
    } of the largest one.`;
  }
}

/** The decays that can be shown. */
function fillDecays(select: HTMLSelectElement): void {
  for (let block = 0; block < DEPTH; block++) {
    select.append(new Option(`block ${block + 1}, mean`, `${block} mean`));
    for (let head = 0; head < HEADS; head++) {
      const name = `block ${block + 1}, head ${head + 1}`;
      select.append(new Option(name, `${block} ${head}`));
    }
  }
  select.append(new Option("none", ""));
}

/** Makes a bar for each digit; returns what sets them. */
function makeBars(): (probabilities: readonly number[]) => void {
  const bars = EXAMPLES.map((_, digit) => {
    const bar = make("span", { class: "bar" });
    const share = make("span", { class: "share" });
    const item = make("li", {}, make("b", {}, `${digit}`), bar, share);
    return { item, bar, share };
  });
  byId("probabilities", HTMLElement).append(...bars.map(({ item }) => item));
  return (probabilities) =>
    bars.forEach(({ bar, share }, digit) => {
      const value = probabilities[digit];
      bar.style.setProperty("--share", `${value ?? 0}`);
      share.textContent = value === undefined
        ? ""
        : `${(100 * value).toFixed(1)} %`;
    });
}
