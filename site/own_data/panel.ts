/// <reference lib="dom" />
/** Training on a visitor's own pictures or texts, none of which leaves the page. @module */
import { Computer } from "../computer.ts";
import type { Device } from "../device.ts";
import { byId, radios } from "../elements.ts";
import { offerWebGPU } from "../offer_webgpu.ts";
import type {
  FoundPictures,
  FoundTable,
  NamedFile,
  News,
  PassedOver,
  TrainerCalls,
  Wish,
} from "./calls.ts";
import { chosenFiles, droppedFiles } from "./dropped.ts";
import { exampleReviews, exampleShapes } from "./examples.ts";
import { drawLosses, type Loss } from "./learning_chart.ts";
import {
  showAnswers,
  showConfusion,
  showPassedOver,
  summaryOf,
} from "./results.ts";
import { sortFiles } from "./sorted_files.ts";

/** Fills the panel; the worker, its model and its codecs are fetched when data come. */
export function ownDataPanel(): void {
  const status = byId("own-status", HTMLElement);
  const verdict = byId("own-verdict", HTMLElement);
  const settings = byId("own-settings", HTMLElement);
  const results = byId("own-results", HTMLElement);
  const trainButton = byId("own-train", HTMLButtonElement);
  const saveButton = byId("own-save", HTMLButtonElement);
  const onnxButton = byId("own-onnx", HTMLButtonElement);
  const progress = byId("own-progress", HTMLProgressElement);
  const steps = byId("own-steps", HTMLInputElement);
  const mirrors = byId("own-mirrors", HTMLInputElement);
  const text = byId("own-text", HTMLSelectElement);
  const label = byId("own-label", HTMLSelectElement);
  const chart = byId("own-chart", SVGSVGElement);
  const devices = radios<Device["backend"]>("own-device", () => {});
  let computer: Computer<TrainerCalls> | undefined;
  let isTable = false;
  let passed: readonly PassedOver[] = [];
  let losses = { steps: [] as Loss[], heldOut: [] as Loss[] };
  /** Goes to the training of the moment. */
  let wish: ((wish: Wish) => void) | undefined;

  void offerWebGPU(devices.buttons, byId("own-no-webgpu", HTMLElement));
  onDrop(
    byId("own-drop", HTMLElement),
    (files) => void attempt(() => take(files)),
  );
  for (const id of ["own-folder", "own-table"]) {
    const input = byId(id, HTMLInputElement);
    input.addEventListener("change", () => {
      const files = chosenFiles(input);
      // The same may be chosen again, after it was changed.
      input.value = "";
      if (files.length > 0) void attempt(() => take(files));
    });
  }
  const examples = {
    "own-reviews": exampleReviews,
    "own-shapes": exampleShapes,
  };
  for (const [id, make] of Object.entries(examples)) {
    byId(id, HTMLButtonElement).addEventListener(
      "click",
      () => void attempt(() => take(make())),
    );
  }
  const showSteps = () =>
    byId("own-steps-number", HTMLOutputElement).value = steps.value;
  steps.addEventListener("input", showSteps);
  showSteps();
  trainButton.addEventListener("click", () => {
    if (wish) wish("stop");
    else void attempt(train);
  });
  saveButton.addEventListener(
    "click",
    () =>
      void attempt(async () =>
        keep(await computer!.call("save"), "lion-model.zip")
      ),
  );
  onnxButton.addEventListener(
    "click",
    () =>
      void attempt(async () =>
        keep(await computer!.call("saveOnnx"), "lion-model.onnx")
      ),
  );
  new ResizeObserver(() => {
    if (losses.steps.length > 0) show();
  }).observe(chart);

  async function attempt(act: () => unknown): Promise<void> {
    try {
      await act();
    } catch (error) {
      const { message } = error as Error;
      // What has stopped it has the page now.
      if (message === "stopped") return;
      status.textContent = `This failed: ${message}`;
      progress.hidden = true;
    }
  }

  /** Reads what was given, in place of what was there. */
  async function take(
    files: readonly NamedFile[] | Promise<readonly NamedFile[]>,
  ): Promise<void> {
    computer?.stop();
    settings.hidden = results.hidden = true;
    losses = { steps: [], heldOut: [] };
    chart.replaceChildren();
    endTraining();
    showPassedOver([]);
    status.textContent = "Reading …";
    const given = sortFiles(await files);
    computer?.stop();
    const reader = computer = new Computer<TrainerCalls>("trainer.js");
    isTable = "table" in given;
    if ("table" in given) {
      const found = await reader.call("readTable", given.table);
      passed = found.passed;
      offerColumns(found);
      status.textContent = `${given.table.name}: ${found.rows} rows.`;
      settings.hidden = false;
    } else {
      begin(given.pictures.length);
      const { port } = listen((news) => {
        if (news.kind === "decoded") progress.value = news.count;
      });
      const found = await reader.call("readPictures", given.pictures, port);
      passed = [...given.passed, ...found.passed];
      status.textContent = describe(found);
      settings.hidden = found.classes.length < 2;
    }
    byId("own-columns", HTMLElement).hidden = !isTable;
    byId("own-mirrors-label", HTMLElement).hidden = isTable;
    progress.hidden = true;
    showPassedOver(passed);
  }

  function offerColumns({ columns, guess }: FoundTable): void {
    for (const select of [text, label]) {
      select.replaceChildren(...columns.map((name) => new Option(name, name)));
    }
    text.value = guess.text;
    label.value = guess.label;
  }

  async function train(): Promise<void> {
    const total = Number(steps.value);
    results.hidden = true;
    losses = { steps: [], heldOut: [] };
    begin(total);
    status.textContent = "Training …";
    const { port, send } = listen((news) => {
      if (news.kind === "step") {
        progress.value = news.step;
        losses.steps.push(news);
      } else if (news.kind === "held out") {
        losses.heldOut.push(news);
        status.textContent = `Step ${news.step}: ${
          (100 * news.accuracy).toFixed(0)
        } % of the held-out examples are right.`;
      }
      show();
    });
    wish = send;
    trainButton.textContent = "Stop";
    const trainer = computer!;
    try {
      const learned = await trainer.call("train", {
        ...{ backend: devices.value(), steps: total, mirrors: mirrors.checked },
        ...isTable ? { columns: { text: text.value, label: label.value } } : {},
      }, port);
      showConfusion(learned);
      showAnswers(learned);
      showPassedOver([...passed, ...learned.passed]);
      verdict.textContent = summaryOf(learned);
      results.hidden = false;
      status.textContent = "Trained; the results are below.";
    } finally {
      if (trainer === computer) endTraining();
    }
  }

  function endTraining(): void {
    wish = undefined;
    progress.hidden = true;
    trainButton.textContent = "Train";
  }

  function show(): void {
    drawLosses(chart, losses, progress.max);
  }

  function begin(total: number): void {
    progress.max = total;
    progress.value = 0;
    progress.hidden = false;
  }
}

/** Gives a file to the visitor. */
function keep(bytes: Uint8Array<ArrayBuffer>, name: string): void {
  const url = URL.createObjectURL(new Blob([bytes]));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** What was found, in a sentence. */
function describe({ classes }: FoundPictures): string {
  const count = classes.reduce((sum, { count }) => sum + count, 0);
  const each = classes.map(({ name, count }) => `${name} (${count})`);
  const found = `${count} pictures of ${classes.length} ${
    classes.length === 1 ? "class" : "classes"
  }`;
  return classes.length < 2
    ? `${found}: there should be at least two classes to tell apart.`
    : `${found}: ${each.join(", ")}.`;
}

/** A port for a worker: what comes through it, and a way to answer. */
function listen(
  onNews: (news: News) => void,
): { port: MessagePort; send: (wish: Wish) => void } {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => onNews(data as News);
  return { port: port2, send: (wish) => port1.postMessage(wish) };
}

/** Takes what is dropped on an element. */
function onDrop(
  place: HTMLElement,
  take: (files: Promise<NamedFile[]>) => void,
): void {
  const mark = (isOver: boolean) => place.classList.toggle("over", isOver);
  place.addEventListener("dragover", (event) => {
    event.preventDefault();
    mark(true);
  });
  place.addEventListener("dragleave", () => mark(false));
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    if (event.dataTransfer) take(droppedFiles(event.dataTransfer));
  });
}
