/** Notebooks as files: Jupyter's format 4.5. @module */

/** A representation for each MIME type: a text, or JSON. */
export type MimeBundle = Record<string, unknown>;

/** What a program writes to its standard output or error. */
export interface StreamOutput {
  output_type: "stream";
  name: "stdout" | "stderr";
  text: string;
}

/** What a program displays, and what the last expression of a cell is worth. */
export interface DisplayOutput {
  output_type: "display_data" | "execute_result";
  data: MimeBundle;
  metadata: Record<string, unknown>;
  execution_count?: number | null;
}

/** An exception that ended a cell. */
export interface ErrorOutput {
  output_type: "error";
  ename: string;
  evalue: string;
  traceback: string[];
}

/** One output of a code cell. */
export type Output = StreamOutput | DisplayOutput | ErrorOutput;

interface CellBase {
  id: string;
  metadata: { tags?: string[]; jupyter?: { source_hidden: boolean } };
  source: string;
}

/** A cell of code, with what it has put out. */
export interface CodeCell extends CellBase {
  cell_type: "code";
  execution_count: number | null;
  outputs: Output[];
}

/** A cell of text. */
export interface MarkdownCell extends CellBase {
  cell_type: "markdown";
}

/** One cell. */
export type Cell = CodeCell | MarkdownCell;

/** A notebook. */
export interface Notebook {
  cells: Cell[];
  metadata: Record<string, unknown>;
  nbformat: number;
  nbformat_minor: number;
}

/** The tag of a cell whose code is folded: set-up, that a reader can skip. */
export const FOLDED = "hide-input";

/** What a notebook says of its language. */
export const METADATA = {
  kernelspec: { display_name: "Deno", language: "typescript", name: "deno" },
  language_info: {
    file_extension: ".ts",
    mimetype: "text/x.typescript",
    name: "typescript",
  },
};

/** The folder of the notebooks. */
export const NOTEBOOKS = new URL("../../notebooks/", import.meta.url);

/** The names of the notebooks in order, without `.ipynb`. */
export async function notebookNames(): Promise<string[]> {
  const files = await Array.fromAsync(Deno.readDir(NOTEBOOKS));
  return files
    .filter(({ name }) => name.endsWith(".ipynb"))
    .map(({ name }) => name.slice(0, -".ipynb".length))
    .sort();
}

/** Reads a notebook. */
export async function readNotebook(path: string | URL): Promise<Notebook> {
  return parseNotebook(await Deno.readTextFile(path));
}

/** A notebook of its JSON, texts in one piece. */
export function parseNotebook(json: string): Notebook {
  return JSON.parse(json, (key, value) => {
    const isText = key === "source" || key === "text" || isTextType(key);
    return isText && Array.isArray(value) ? value.join("") : value;
  });
}

/** The JSON of a notebook, as Jupyter writes it: texts as lists of lines. */
export function formatNotebook(notebook: Notebook): string {
  const json = JSON.stringify(notebook, (key, value) => {
    const isText = key === "source" || key === "text" || isTextType(key);
    if (isText && typeof value === "string") {
      return value.split(/(?<=\n)/).filter((line) => line !== "");
    }
    return isRecord(value) ? sorted(value) : value;
  }, 1);
  return `${json}\n`;
}

function isTextType(key: string): boolean {
  return key.startsWith("text/") || key === "image/svg+xml";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sorted(record: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(record);
  return Object.fromEntries(entries.sort(([a], [b]) => a < b ? -1 : 1));
}
