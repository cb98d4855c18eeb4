/// <reference lib="dom" />
/** Finding and making the elements of the page. @module */

import { steadyMilliseconds, type Time } from "../bench/measure/report_file.ts";

/** The element of an id, which is of a type. */
export function byId<T extends Element>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new TypeError(`#${id} should be a ${type.name}, got ${found}`);
}

/** Makes an element with attributes and children. */
export function make<N extends keyof HTMLElementTagNameMap>(
  name: N,
  attributes: Readonly<Record<string, string>> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[N] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** Makes an element of a drawing. */
export function draw(
  name: string,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: (Node | string)[]
): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, `${value}`);
  }
  made.append(...children);
  return made;
}

/** A text in a drawing. */
export function label(
  x: number,
  y: number,
  text: string,
  anchor = "middle",
): SVGElement {
  return draw("text", { x, y, "text-anchor": anchor }, text);
}

/** Radio buttons of a name: what is chosen, and a listener to changes. */
export function radios<V extends string>(
  name: string,
  onChange: (value: V) => void,
): { value(): V; buttons: HTMLInputElement[] } {
  const buttons = [
    ...document.querySelectorAll<HTMLInputElement>(`input[name="${name}"]`),
  ];
  const value = () => buttons.find(({ checked }) => checked)!.value as V;
  for (const button of buttons) {
    button.addEventListener("change", () => onChange(value()));
  }
  return { value, buttons };
}

/** A row of a table: a heading and cells. */
export function row(heading: string, ...cells: string[]): HTMLTableRowElement {
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, heading),
    ...cells.map((cell) => make("td", {}, cell)),
  );
}

/** A time for a table: the median with its range, or only the range where it is not steady. */
export function timeText(time: Time): string {
  const { median, p20, p80, samples } = time;
  const range = `${digits(p20)}–${digits(p80)}`;
  return steadyMilliseconds(time) === null
    ? `unsteady, ${range} ms`
    : samples === 1
    ? `${digits(median)} ms`
    : `${digits(median)} (${range}) ms`;
}

function digits(milliseconds: number): string {
  return milliseconds.toFixed(
    milliseconds < 10 ? 2 : milliseconds < 100 ? 1 : 0,
  );
}

/** Of sizes, each 1,024 times the one before. */
const UNITS = ["KiB", "MiB", "GiB", "TiB"] as const;

/** A size for a table. */
export function bytes(value: number): string {
  if (value < 2 ** 20) return `${(value / 2 ** 10).toFixed(0)} KiB`;
  const power = Math.min(Math.floor(Math.log2(value) / 10), UNITS.length);
  return `${(value / 2 ** (10 * power)).toFixed(1)} ${UNITS[power - 1]}`;
}
