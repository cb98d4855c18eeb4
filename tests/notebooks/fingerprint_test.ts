/** Notebooks whose figures show times, and the sources that they are times of. @module */
import { assert, assertEquals } from "@std/assert";
import { fingerprintOf, isTimed } from "../../tools/notebooks/fingerprint.ts";
import {
  type MarkdownCell,
  type Notebook,
  notebookNames,
  NOTEBOOKS,
  readNotebook,
} from "../../tools/notebooks/notebook.ts";

for (const name of await notebookNames()) {
  const notebook = await readNotebook(new URL(`${name}.ipynb`, NOTEBOOKS));
  // The first `--write` of a notebook with timed cells records it.
  if (notebook.metadata["timed"] === undefined) continue;
  Deno.test(`the times in ${name} are of these sources; if not, \`deno task notebooks --write ${name.slice(0, 2)}\` on an idle machine`, async () => {
    assertEquals(notebook.metadata["timed"], await fingerprintOf(notebook));
  });
}

Deno.test("a fingerprint is of the kernels and of what is imported by path", async () => {
  const text: MarkdownCell = {
    cell_type: "markdown",
    id: "a",
    metadata: { tags: ["timed"] },
    source: 'from "../README.md"',
  };
  const code = (source: string) => ({
    cell_type: "code" as const,
    id: "b",
    metadata: {},
    source,
    execution_count: null,
    outputs: [],
  });
  const notebook = (...cells: Notebook["cells"]): Notebook => {
    return { cells, metadata: {}, nbformat: 4, nbformat_minor: 5 };
  };
  assertEquals([isTimed(notebook(text)), isTimed(notebook())], [true, false]);
  const ofKernels = await fingerprintOf(notebook());
  assertEquals(await fingerprintOf(notebook(text, code("1;"))), ofKernels);
  const imports = code(
    'import { quantile } from "../bench/measure/timing.ts";',
  );
  const ofBoth = await fingerprintOf(notebook(imports));
  assert(ofBoth !== ofKernels);
  assertEquals(await fingerprintOf(notebook(imports, imports)), ofBoth);
});
