/**
 * The annotated notebook as a page that computes: its cells as a program, with
 * what they share passed from cell to cell, and its page with a place for what each
 * shows.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import {
  type Cell,
  type CodeCell,
  type Notebook,
  NOTEBOOKS,
  readNotebook,
} from "../notebooks/notebook.ts";
import { cellToHTML } from "./cell.ts";

/** The notebook, and the program and the style of its page, beside the page. */
export const ANNOTATED = "00_annotated_lion";
export const ANNOTATED_PROGRAM = "annotated.js";
export const ANNOTATED_STYLE = "annotated.css";

const ROOT = new URL("../../", import.meta.url);

/** What the page has in place of what the notebook imports. */
const IN_PAGE: Readonly<Record<string, string>> = {
  "@lionjs/lion/notebook": "site/annotated/notebook.ts",
  "./interactive.ts": "site/annotated/interactive.ts",
  "@std/assert": "site/annotated/assert.ts",
};

/** A cell's imports, one after the other. */
const IMPORT = /^import [^;]*? from "([^"]+)";\n?/gm;

/** A declaration, whose name begins a line; a pattern has several. */
const DECLARATION =
  /^(?:(?:const|let) (?:(\w+)|([[{][^=]*?[\]}])(?=:| =))|(?:async )?function (\w+))/gm;

/**
 * HTML of the notebook's cells: those of code have a place for what they show,
 * which at first is what the notebook is stored with.
 */
export function annotatedCellsToHTML(
  cells: readonly Cell[],
  linkOf: (href: string) => string,
): string[] {
  let count = 0;
  return cells.flatMap((cell, index) => {
    const html = cellToHTML(cell, linkOf);
    if (cell.cell_type === "markdown") {
      return index === 0
        ? [html, '<p id="annotated-status" role="status"></p>']
        : html;
    }
    const code = cellToHTML({ ...cell, outputs: [] }, linkOf);
    const outputs = html.slice(code.length);
    return `${code}\n<div class="live" data-cell="${count++}">${outputs}</div>`;
  });
}

/** The cells of code of a notebook. */
export function codeOf({ cells }: Notebook): CodeCell[] {
  return cells.filter((cell) => cell.cell_type === "code");
}

/** The program of a notebook's page, in TypeScript. */
export function programOf(notebook: Notebook): string {
  const imports = new Set<string>();
  const sources = codeOf(notebook).map(({ source }) =>
    source.replaceAll(IMPORT, (whole, from) => {
      imports.add(
        whole.replace(`"${from}"`, () => JSON.stringify(inPage(from))),
      );
      return "";
    })
  );
  const declared = sources.map(namesIn);
  const cells = sources.map((source, index) => {
    const gives = declared[index]!;
    const before = new Set(declared.slice(0, index).flat());
    const words = wordsOf(source);
    const uses = [...before].filter((name) =>
      words.has(name) && !gives.includes(name)
    );
    return `{
uses: ${JSON.stringify(uses)},
gives: ${JSON.stringify(gives)},
run: async ({ ${uses.join(", ")} }, console) => {
${source}
return { ${gives.join(", ")} };
},
}`;
  });
  const runner = JSON.stringify(`${new URL("site/annotated/cells.ts", ROOT)}`);
  return `${[...imports].join("")}
import { runPage } from ${runner};
await runPage([${cells.join(",\n")}]);
`;
}

/** Where an import of the notebook leads from the page's program. */
function inPage(from: string): string {
  const own = IN_PAGE[from];
  if (own !== undefined) return `${new URL(own, ROOT)}`;
  return from.startsWith(".") ? `${new URL(from, NOTEBOOKS)}` : from;
}

/** The names of values that a cell declares for those after it. */
export function namesIn(source: string): string[] {
  return [...source.matchAll(DECLARATION)].flatMap(([, name, pattern, of]) =>
    pattern === undefined
      ? [name ?? of!]
      // In a pattern, { a: b } declares b.
      : [...pattern.matchAll(/(\w+)(?=\s*[,}\]])/g)].map(([, one]) => one!)
  );
}

/** The words of a cell beside those in strings and comments, and names of properties. */
function wordsOf(source: string): Set<string> {
  const code = source.replaceAll(/"[^"\n]*"|\/\*[^]*?\*\/|\/\/.*$/gm, "");
  return new Set(
    code.match(/(?<![\w$]|(?<!\.\.)\.)[A-Za-z_$][\w$]*(?![\w$:])/g),
  );
}

/** Writes the page's program into a folder, in one file with what it imports. */
export async function bundleAnnotated(folder: URL): Promise<void> {
  const notebook = await readNotebook(new URL(`${ANNOTATED}.ipynb`, NOTEBOOKS));
  const temporary = await Deno.makeTempDir({ prefix: "lion-" });
  try {
    const entry = `${temporary}/annotated.ts`;
    await Deno.writeTextFile(entry, programOf(notebook));
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["bundle", "--quiet", "--minify", "--platform", "browser"],
        ...["--config", "deno.json", "--output"],
        ...[fileURLToPath(new URL(ANNOTATED_PROGRAM, folder)), entry],
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
}
