/// <reference lib="dom" />
/** A million tokens, read in both directions beside what softmax would take. @module */
import type { Calls } from "../calls.ts";
import { Computer } from "../computer.ts";
import type { Device } from "../device.ts";
import { byId, bytes, radios, row } from "../elements.ts";
import { offerWebGPU } from "../offer_webgpu.ts";
import type { Point } from "./calls.ts";
import { drawTimes } from "./chart.ts";
import { HEAD_DIM, PIECE } from "./sizes.ts";
import { duration } from "./words.ts";

/** The longest sequence at which softmax attention is timed. */
const LONGEST_SOFTMAX = 16_384;

/** Between two looks at the clock, in milliseconds. */
const TICK = 100;

const FLOAT_BYTES = 4;

/** A length as people write it. */
const written = (length: number) => length.toLocaleString("en");

/** Fills the panel, and reads when it is asked to. */
export function millionPanel(): void {
  const slider = byId("million-length", HTMLInputElement);
  const length = () => 2 ** Number(slider.value);
  const button = byId("million-run", HTMLButtonElement);
  const status = byId("million-status", HTMLElement);
  const chart = byId("million-chart", SVGSVGElement);
  const lane = (name: string) => ({
    bar: byId(`million-${name}`, HTMLProgressElement),
    time: byId(`million-${name}-time`, HTMLElement),
    memory: byId(`million-${name}-memory`, HTMLElement),
  });
  const lion = lane("lion"), softmax = lane("softmax");
  const devices = radios<Device["backend"]>("million-device", forget);
  /** It has a worker of its own, so that it can be ended. */
  let computer: Computer<Calls> | undefined;
  let description = "";
  let isRunning = false;
  let measured: Readonly<Record<"lion" | "softmax", readonly Point[]>> = {
    lion: [],
    softmax: [],
  };

  void offerWebGPU(devices.buttons, byId("million-no-webgpu", HTMLElement));
  slider.addEventListener("input", () => {
    clear();
    showLength();
  });
  button.addEventListener("click", () => {
    if (isRunning) end();
    else void run();
  });
  // Its link also scrolls to this panel.
  byId("try", HTMLAnchorElement).addEventListener("click", () => {
    if (!isRunning) void run();
  });
  // Shows it once, too.
  new ResizeObserver(showTimes).observe(chart);
  showLength();

  function end(): void {
    computer?.stop();
    computer = undefined;
  }

  /** Times of another device are none of this one's. */
  function forget(): void {
    end();
    measured = { lion: [], softmax: [] };
    clear();
    showTimes();
  }

  function clear(): void {
    if (isRunning) return;
    for (const { bar, time } of [lion, softmax]) {
      bar.value = 0;
      time.textContent = "";
    }
    byId("million-softmax-how", HTMLElement).textContent = "";
    status.textContent = "";
  }

  async function run(): Promise<void> {
    isRunning = true;
    button.textContent = "Stop";
    slider.disabled = true;
    let clock: ReturnType<typeof setInterval> | undefined;
    try {
      await prepare();
      status.textContent = "Reading …";
      const tokens = length();
      const wanted = estimate(tokens);
      const start = performance.now();
      const look = () => showSoftmax(performance.now() - start, wanted, tokens);
      clock = setInterval(look, TICK);
      const { milliseconds, checked, difference } = await read(
        tokens,
        (done) => {
          lion.bar.value = done;
          lion.time.textContent = duration(performance.now() - start);
        },
      );
      clearInterval(clock);
      add("lion", { length: tokens, milliseconds });
      lion.bar.value = 1;
      lion.time.textContent = duration(milliseconds);
      showSoftmax(milliseconds, wanted, tokens);
      status.textContent = [
        `${written(tokens)} tokens in ${
          duration(milliseconds)
        } on ${description}.`,
        verdictOf(wanted / milliseconds),
        `Checked: ${checked} rows of the result agree with the plain formula, to ${
          difference.toPrecision(1)
        } of the largest value.`,
      ].join(" ");
    } catch (error) {
      end();
      const { message } = error as Error;
      status.textContent = message === "stopped"
        ? "Stopped."
        : `This failed: ${message}. A shorter sequence may work.`;
    } finally {
      clearInterval(clock);
      isRunning = false;
      button.textContent = "Run";
      slider.disabled = false;
    }
  }

  /** Starts the worker, and times both at lengths that softmax can take. */
  async function prepare(): Promise<void> {
    if (!computer) {
      status.textContent = "Starting …";
      computer = new Computer("worker.js");
      ({ description } = await computer.call("start", devices.value()));
    }
    if (measured.softmax.length > 0) return;
    status.textContent = "Timing both at short lengths …";
    const times = await computer.call("timeSoftmax", LONGEST_SOFTMAX);
    for (const point of times) add("softmax", point);
    for (const { length } of times) {
      const runs = [await read(length), await read(length)];
      const milliseconds = Math.min(...runs.map((run) => run.milliseconds));
      add("lion", { length, milliseconds });
    }
  }

  function read(tokens: number, onProgress: (done: number) => void = () => {}) {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => onProgress(data as number);
    return computer!.call("readLong", tokens, port2)
      .finally(() => port1.close());
  }

  /** Adds a point; a length that was measured again has its best time. */
  function add(name: "lion" | "softmax", point: Point): void {
    const others = measured[name].filter(({ length }) =>
      length !== point.length
    );
    const old = measured[name].find(({ length }) => length === point.length);
    const best = old && old.milliseconds < point.milliseconds ? old : point;
    measured = { ...measured, [name]: [...others, best] };
    showTimes();
  }

  /** The time of softmax, which is quadratic in the length. */
  function estimate(tokens: number): number {
    const known = measured.softmax.find(({ length }) => length === tokens);
    if (known) return known.milliseconds;
    const { length, milliseconds } = measured.softmax.at(-1)!;
    return milliseconds * (tokens / length) ** 2;
  }

  function showSoftmax(elapsed: number, wanted: number, tokens: number): void {
    const { length } = measured.softmax.at(-1)!;
    softmax.bar.value = Math.min(1, elapsed / wanted);
    byId("million-softmax-how", HTMLElement).textContent = tokens > length
      ? `Extrapolated from ${written(length)} tokens.`
      : "Measured.";
    softmax.time.textContent = elapsed < wanted
      ? `${duration(wanted - elapsed)} left`
      : duration(wanted);
  }

  function showLength(): void {
    const tokens = length();
    byId("million-length-number", HTMLOutputElement).value = written(tokens);
    slider.setAttribute("aria-valuetext", `${written(tokens)} tokens`);
    const piece = Math.min(tokens, PIECE);
    const states = tokens / piece * HEAD_DIM * (HEAD_DIM + 1);
    lion.memory.textContent = `${
      bytes(FLOAT_BYTES * (4 * piece * HEAD_DIM + states))
    }: ${written(piece)} tokens at a time, and a state between each two pieces`;
    softmax.memory.textContent = `${
      bytes(FLOAT_BYTES * 2 * tokens * HEAD_DIM)
    }: keys and values of all tokens; as one matrix, its weights alone are ${
      bytes(FLOAT_BYTES * tokens ** 2)
    }`;
  }

  function showTimes(): void {
    drawTimes(chart, { ...measured, estimate });
    const lengths = [...measured.lion, ...measured.softmax]
      .map(({ length }) => length);
    byId("million-times", HTMLTableSectionElement).replaceChildren(
      ...[...new Set(lengths)].sort((a, b) => a - b).map((tokens) => {
        const own = measured.lion.find(({ length }) => length === tokens);
        const isKnown = measured.softmax.some(({ length }) =>
          length === tokens
        );
        return row(
          written(tokens),
          own ? duration(own.milliseconds) : "",
          `${isKnown ? "" : "about "}${duration(estimate(tokens))}`,
        );
      }),
    );
  }
}

function verdictOf(ratio: number): string {
  if (ratio < 1.5) return "At this length softmax attention is as fast.";
  const times = ratio < 10
    ? ratio.toFixed(1)
    : written(Number(ratio.toPrecision(2)));
  return `Softmax attention would take ${times} times as long.`;
}
