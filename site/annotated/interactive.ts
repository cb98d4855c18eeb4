/// <reference lib="dom" />
/** What a reader moves and answers in the annotated page. @module */
import { type BackendInfo, useBackend } from "@lionjs/lion";
import {
  assertAnswer,
  type Exercise,
  type SliderOptions,
} from "../../notebooks/exercise.ts";
import { output, rerunOfCurrent } from "./cells.ts";

/** The file of WebAssembly, which lies in the site's root. */
const WASM = "../tfjs-backend-wasm-simd.wasm";

/** Starts a backend on the page's own thread. */
export function start(): Promise<BackendInfo> {
  const wasmPath = new URL(WASM, location.href);
  return useBackend({ prefer: ["wasm", "cpu"], threads: 1, wasmPath });
}

/** A number that one moves; the cell and what depends on it run again. */
export function slider(
  name: string,
  { from, to, step = 1, value }: SliderOptions,
): Promise<number> {
  const rerun = rerunOfCurrent();
  const label = output().control(name, () => {
    const input = document.createElement("input");
    const now = document.createElement("output");
    Object.assign(input, {
      type: "range",
      ...{ min: `${from}`, max: `${to}`, step: `${step}`, value: `${value}` },
    });
    now.value = `${value}`;
    input.addEventListener("input", () => {
      now.value = input.value;
      rerun();
    });
    const label = document.createElement("label");
    label.className = "slider";
    label.append(`${name} `, input, now);
    return label;
  });
  return Promise.resolve(Number(label.querySelector("input")!.value));
}

/** A question that checks what one chooses. */
export function exercise(
  { question, options, answer, why }: Exercise,
): Promise<void> {
  assertAnswer(options, answer);
  output().control(question, () => {
    const set = document.createElement("fieldset");
    set.className = "exercise";
    const legend = document.createElement("legend");
    legend.textContent = `Exercise. ${question}`;
    const verdict = document.createElement("p");
    verdict.setAttribute("role", "status");
    const choices = options.map((option) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = option;
      button.addEventListener("click", () => {
        for (const other of choices) other.removeAttribute("aria-pressed");
        button.setAttribute("aria-pressed", "true");
        verdict.textContent = option === answer
          ? `Yes. ${why}`
          : "No. Try again, or move something above.";
      });
      return button;
    });
    set.append(legend, ...choices, verdict);
    return set;
  });
  return Promise.resolve();
}
