import { escapeHTML } from "../jupyter/html.ts";
import { isNotebook } from "../jupyter/kernel.ts";
import { LiveOutput } from "../jupyter/live_output.ts";
import type { MimeBundle } from "../jupyter/mime.ts";
import { progressLine, type ProgressText } from "./progress_text.ts";

/** A place where progress is shown: a notebook's output, a terminal or a log. */
export interface ProgressScreen {
  /** Shows the progress, if enough time has passed since the last time. */
  show(text: () => ProgressText): void;
  /** Shows the final state, always. */
  end(text: ProgressText): Promise<void>;
}

/** A stream of text that progress is written to. */
export interface TextStream {
  /** Writes text immediately. */
  write(text: string): void;
  /** The width of the terminal; undefined if the stream is no terminal. */
  readonly columns: number | undefined;
}

const MILLISECONDS = { notebook: 100, terminal: 100, pipe: 10_000 };
const CLEAR_TO_END_OF_LINE = "\x1b[K";

/** The screen of this process: the notebook's page, standard error, or a browser's console. */
export function screenHere(): ProgressScreen {
  return isNotebook() ? notebookScreen() : textScreen(standardError());
}

/** A notebook's output, which is redrawn in place. */
function notebookScreen(): ProgressScreen {
  const output = new LiveOutput(MILLISECONDS.notebook);
  return {
    show: (text) => output.show(() => bundleOf(text())),
    end: (text) => output.end(bundleOf(text)),
  };
}

function bundleOf(text: ProgressText): MimeBundle {
  const { left, right, share } = text;
  const bar = share === undefined
    ? ""
    : ` <progress value="${share}" style="width: 20em; vertical-align: middle"></progress>`;
  return {
    "text/html": `<div style="font-family: monospace; white-space: pre-wrap">${
      escapeHTML(left)
    }${bar}${escapeHTML(right)}</div>`,
    "text/plain": progressLine(text),
  };
}

/** A line that is overwritten on a terminal; elsewhere, a new line at intervals. */
export function textScreen(
  stream: TextStream,
  now: () => number = () => performance.now(),
): ProgressScreen {
  const isTerminal = stream.columns !== undefined;
  const between = isTerminal ? MILLISECONDS.terminal : MILLISECONDS.pipe;
  // In a pipe, the first line waits for an interval, so that it is informative.
  let written = isTerminal ? -Infinity : now();
  const write = (text: ProgressText, lineEnd: "" | "\n") => {
    const { columns } = stream;
    if (columns === undefined) stream.write(`${progressLine(text)}\n`);
    else {
      // One column stays free, since a full line would wrap.
      const line = progressLine(text, columns - 1);
      stream.write(`\r${line}${CLEAR_TO_END_OF_LINE}${lineEnd}`);
    }
  };
  return {
    show(text) {
      if (now() - written < between) return;
      written = now();
      write(text(), "");
    },
    end(text) {
      write(text, "\n");
      return Promise.resolve();
    },
  };
}

function standardError(): TextStream {
  const stderr = globalThis.process?.stderr;
  if (stderr === undefined) { // a browser
    return {
      write: (text) => console.info(text.trimEnd()),
      columns: undefined,
    };
  }
  return {
    write: (text) => void stderr.write(text),
    get columns() {
      return stderr.isTTY ? stderr.columns ?? 80 : undefined;
    },
  };
}
