/// <reference lib="dom" />
/** Time against length, on the visitor's device. @module */
import { steadyMilliseconds } from "../bench/measure/report_file.ts";
import type { Calls } from "./calls.ts";
import { drawChart, type Measured } from "./chart.ts";
import { Computer } from "./computer.ts";
import { type Contender, CONTENDERS } from "./contenders.ts";
import type { Device } from "./device.ts";
import { byId, bytes, radios, row, timeText } from "./elements.ts";
import { offerWebGPU } from "./offer_webgpu.ts";

/** The shortest sequence; each is twice as long as the one before. */
const SHORTEST = 64;

/** Milliseconds of a run after which longer sequences are left out. */
const PATIENCE = 1500;

/** Times of another machine, which are shown until the visitor measures. */
export interface KeptTimes {
  /** Which machine. */
  readonly machine: string;
  readonly measured: readonly Measured[];
}

/** Fills the panel, and measures when it is asked to. */
export function timesPanel(): void {
  const length = byId("length", HTMLInputElement);
  const longest = () => 2 ** Number(length.value);
  const status = byId("times-status", HTMLElement);
  const button = byId("measure", HTMLButtonElement);
  const chart = byId("chart", SVGSVGElement);
  const devices = radios<Device["backend"]>("device", () => {});
  let measured: readonly Measured[] = [];
  /** Of another machine; they stay behind the visitor's. */
  let kept: readonly Measured[] = [];
  /** Measures at the moment. It has a worker of its own, so that it can be ended. */
  let computer: Computer<Calls> | undefined;

  void offerWebGPU(devices.buttons, byId("no-webgpu", HTMLElement));
  length.addEventListener("input", show);
  button.addEventListener("click", () => {
    if (computer) computer.stop();
    else void measure();
  });
  // Shows it once, too.
  new ResizeObserver(show).observe(chart);
  void showKept();

  async function showKept(): Promise<void> {
    // The panel does without them.
    const found: KeptTimes | undefined = await fetch("kept_times.json")
      .then((response) => response.ok ? response.json() : undefined)
      .catch(() => undefined);
    if (!found) return;
    kept = found.measured;
    if (computer || measured.length > 0) return show();
    status.textContent =
      `Until you measure, this shows times on ${found.machine}, with WebAssembly and heads of 64 columns.`;
    show();
  }

  async function measure(): Promise<void> {
    measured = [];
    show();
    button.textContent = "Stop";
    computer = new Computer("worker.js");
    try {
      const device = await computer.call("start", devices.value());
      const leftOut = await measureAll(
        computer,
        longest(),
        (one) => {
          measured = [...measured, one];
          status.textContent =
            `${device.description}: ${one.contender}, ${one.length} tokens`;
          show();
        },
      );
      status.textContent = [
        `Measured on ${device.description}. A point is the median of several runs, and its bar spans the 20th to the 80th percentile.`,
        ...busyness(measured),
        ...kept.length > 0
          ? ["The faint lines are the times that were here before."]
          : [],
        ...[...leftOut].map(([contender, why]) => `${contender}: ${why}.`),
      ].join(" ");
    } catch (error) {
      status.textContent = `Stopped early: ${(error as Error).message}`;
    } finally {
      computer.stop();
      computer = undefined;
      button.textContent = "Measure";
    }
  }

  function show(): void {
    byId("length-number", HTMLOutputElement).value = longest().toLocaleString(
      "en",
    );
    const upTo = (times: readonly Measured[]) =>
      times.filter(({ length }) => length >= SHORTEST && length <= longest());
    const isOwn = measured.length > 0 || computer !== undefined;
    const shown = upTo(isOwn ? measured : kept);
    const behind = isOwn ? upTo(kept) : [];
    drawChart(chart, shown, [SHORTEST, longest()], behind);
    fillTable(shown);
  }
}

/** What is said of a machine that computes something else, too. */
function busyness(measured: readonly Measured[]): string[] {
  const unsteady = measured.filter((one) => steadyMilliseconds(one) === null);
  if (unsteady.length === 0) return [];
  return [
    `${unsteady.length} of ${measured.length} times are unsteady: their range exceeds half the median, and a ring shows the fastest runs. ${
      unsteady.length > measured.length / 4
        ? "This machine is busy; close other programs to measure again."
        : ""
    }`.trim(),
  ];
}

/** Measures everything, short sequences first; returns what was left out and why. */
async function measureAll(
  computer: Computer<Calls>,
  longest: number,
  onMeasured: (one: Measured) => void,
): Promise<Map<Contender, string>> {
  const leftOut = new Map<Contender, string>();
  for (let length = SHORTEST; length <= longest; length *= 2) {
    for (const contender of CONTENDERS) {
      if (leftOut.has(contender)) continue;
      try {
        const timing = await computer.call("time", contender, length);
        onMeasured({ contender, length, ...timing });
        if (timing.median > PATIENCE && length < longest) {
          leftOut.set(
            contender,
            "longer sequences would take minutes",
          );
        }
      } catch (error) {
        const { message } = error as Error;
        if (message === "stopped") throw error;
        leftOut.set(contender, message);
      }
    }
  }
  return leftOut;
}

/** The numbers of the chart; memory where contenders differ in it. */
function fillTable(measured: readonly Measured[]): void {
  const lengths = [...new Set(measured.map(({ length }) => length))];
  byId("times", HTMLTableSectionElement).replaceChildren(
    ...lengths.map((length) => {
      const own = measured.filter((one) => one.length === length);
      const differ = new Set(own.map(({ peakBytes }) => peakBytes)).size > 1;
      const cells = CONTENDERS.map((contender) => {
        const one = own.find((one) => one.contender === contender);
        if (!one) return "";
        const memory = differ ? `, ${bytes(one.peakBytes)}` : "";
        return `${timeText(one)}${memory}`;
      });
      return row(`${length}`, ...cells);
    }),
  );
}
