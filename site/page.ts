/// <reference lib="dom" />
/** The page: what to try, in panels. @module */
import type { Calls, DiffusionCalls } from "./calls.ts";
import { Computer } from "./computer.ts";
import { digitPanel } from "./digit_panel.ts";
import { byId } from "./elements.ts";
import { gapsPanel } from "./gaps_panel.ts";
import { isolate } from "./isolation.ts";
import { languagesPanel } from "./languages_panel.ts";
import { listenPanel } from "./listen/panel.ts";
import { maskPanel } from "./mask_panel.ts";
import { millionPanel } from "./million/panel.ts";
import { ownDataPanel } from "./own_data/panel.ts";
import { punctuationPanel } from "./punctuation_panel.ts";
import { sentencePanel } from "./sentence_panel.ts";
import { sudokuPanel } from "./sudoku_panel.ts";
import { READY } from "./ready.ts";
import { timesPanel } from "./times_panel.ts";

let filling: Computer<DiffusionCalls> | undefined;

void isolate();
const status = byId("status", HTMLElement);
const computer = new Computer<Calls>("worker.js");
// Comes before all other calls, which wait for it.
const starting = computer.call("start", "wasm");
millionPanel();
listenPanel(filler);
digitPanel(computer);
maskPanel(computer);
sentencePanel(filler);
sudokuPanel(filler);
languagesPanel(filler);
gapsPanel(filler);
punctuationPanel(filler);
ownDataPanel();
timesPanel();
try {
  const { description } = await starting;
  const note = crossOriginIsolated
    ? ""
    : "; more threads need cross-origin isolation";
  status.textContent = `Running on this device: ${description}${note}.`;
  performance.mark(READY);
} catch (error) {
  status.textContent = `This page cannot run here: ${(error as Error).message}`;
}

/** The worker that reads texts and fills in words and digits; the first who asks starts it. */
function filler(): Computer<DiffusionCalls> {
  if (!filling) {
    filling = new Computer("diffusion_worker.js");
    // If it fails, so do the calls that follow, which tell it.
    filling.call("start", "wasm").catch(() => {});
  }
  return filling;
}
