/// <reference lib="dom" />
/** Runs the cells of a notebook in its page, and again what depends on what moved. @module */

/** A cell of code. */
export interface Cell {
  /** Names that cells before it declare, and that it uses. */
  readonly uses: readonly string[];
  /** Names that it declares. */
  readonly gives: readonly string[];
  /** Runs it with the values of what it uses; returns those of what it declares. */
  readonly run: (
    values: Readonly<Record<string, unknown>>,
    console: { log(...texts: unknown[]): void },
  ) => Promise<Record<string, unknown>>;
}

/** What a cell shows while it runs. */
class Output {
  readonly #controls: HTMLElement;
  readonly #results: HTMLElement;
  #shown: Node[] = [];

  constructor(readonly place: HTMLElement) {
    this.#controls = document.createElement("div");
    this.#results = document.createElement("div");
    // The outputs that the notebook is stored with stay until there are others.
    this.#results.append(...place.childNodes);
    place.append(this.#controls, this.#results);
  }

  begin(): void {
    this.#shown = [];
  }

  show(node: Node): void {
    this.#shown.push(node);
  }

  end(): void {
    this.#results.replaceChildren(...this.#shown);
  }

  /** A control of a name, made once. */
  control(name: string, make: () => HTMLElement): HTMLElement {
    const found = [...this.#controls.children].find((element) =>
      element instanceof HTMLElement && element.dataset["name"] === name
    );
    if (found) return found as HTMLElement;
    const made = make();
    made.dataset["name"] = name;
    this.#controls.append(made);
    return made;
  }
}

let current: Output | undefined;
let rerunCurrent = () => {};

/** Functions of one cell print where another one calls them. */
const CONSOLE = {
  log: (...texts: unknown[]) => output().show(printed(texts.join(" "))),
};

/** Where the running cell shows what it has. */
export function output(): Output {
  if (!current) throw new Error("no cell is running");
  return current;
}

/** Runs the cell that is running now once more, and all that depend on it. */
export function rerunOfCurrent(): () => void {
  return rerunCurrent;
}

/** Runs all cells, each in its place in the page, and tells how far it is. */
export async function runPage(cells: readonly Cell[]): Promise<void> {
  const outputs = cells.map((_, index) => {
    const place = document.querySelector<HTMLElement>(
      `[data-cell="${index}"]`,
    );
    if (!place) throw new Error(`the page has no place for cell ${index + 1}`);
    return new Output(place);
  });
  const status = document.querySelector("#annotated-status")!;
  const values: Record<string, unknown> = {};
  const waiting = new Set<number>(cells.keys());
  const failed = new Set<number>();
  let isRunning = false;

  /** The cell, and those that use what it gives. */
  function withUsers(index: number): Set<number> {
    const all = new Set([index]);
    for (const [at, { uses }] of cells.entries()) {
      const isUser = [...all].some((before) =>
        before < at && cells[before]!.gives.some((name) => uses.includes(name))
      );
      if (isUser) all.add(at);
    }
    return all;
  }

  async function runCell(index: number): Promise<void> {
    const { uses, gives, run } = cells[index]!;
    const own = outputs[index]!;
    current = own;
    rerunCurrent = () => {
      for (const one of withUsers(index)) waiting.add(one);
      void work();
    };
    own.begin();
    try {
      const used = Object.fromEntries(uses.map((name) => [name, values[name]]));
      const given = await run(used, CONSOLE);
      for (const name of gives) values[name] = given[name];
      failed.delete(index);
    } catch (error) {
      failed.add(index);
      own.show(printed(`This failed: ${(error as Error).message}`));
    }
    own.end();
  }

  async function work(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    while (waiting.size > 0) {
      const next = Math.min(...waiting);
      waiting.delete(next);
      await runCell(next);
      // Lets the page draw, and hear of what moved meanwhile.
      await new Promise((resolve) => setTimeout(resolve));
    }
    isRunning = false;
    const { dataset } = document.documentElement;
    dataset["ran"] = `${cells.length - failed.size}`;
    dataset["failed"] = `${failed.size}`;
    status.textContent = failed.size === 0
      ? "Every number and figure below was computed on this machine just now."
      : `${failed.size} cells failed; they say why.`;
  }

  status.textContent = "Computing on this machine …";
  await work();
}

function printed(text: string): HTMLElement {
  const element = document.createElement("pre");
  element.className = "output";
  element.tabIndex = 0;
  element.textContent = text;
  return element;
}
