/** The runner of notebooks, on notebooks of one or two cells. @module */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { areRight } from "../../tools/notebooks/check.ts";
import { fingerprintOf } from "../../tools/notebooks/fingerprint.ts";
import type { Execution } from "../../tools/notebooks/execute.ts";
import {
  findPython,
  folderEnvironment,
} from "../../tools/notebooks/jupyter.ts";
import {
  type CodeCell,
  formatNotebook,
  type Notebook,
  readNotebook,
} from "../../tools/notebooks/notebook.ts";
import { run } from "../../tools/notebooks/run.ts";
import { withFolder } from "../io/files.ts";

const python = await findPython("nbclient");
if (python === undefined) {
  console.log("skipped: no Python here has nbclient; see `deno task setup`");
}

/** A cell, and what it is committed to print. */
interface Example {
  readonly source: string;
  readonly prints?: string;
  readonly tags?: string[];
}

function cellOf({ source, prints, tags }: Example, index: number): CodeCell {
  return {
    cell_type: "code",
    id: `${index}`,
    metadata: tags ? { tags } : {},
    source,
    execution_count: null,
    outputs: prints
      ? [{ output_type: "stream", name: "stdout", text: prints }]
      : [],
  };
}

/** What is wrong with a notebook; runs `then` before its file is removed. */
async function runExamples(
  examples: readonly Example[],
  options: { seconds?: number; write?: boolean; isChecked?: boolean } = {},
  then: (path: string) => Promise<void> = async () => {},
): Promise<string> {
  let wrong: string[] = [];
  await withFolder(async (folder) => {
    const path = `${folder}/example.ipynb`;
    const cells = examples.map(cellOf);
    const metadata = {};
    await Deno.writeTextFile(
      path,
      formatNotebook({ cells, metadata, nbformat: 4, nbformat_minor: 5 }),
    );
    const defaults = { python: python!, seconds: 60, write: false };
    wrong = await run(path, { ...defaults, ...options });
    await then(path);
  });
  return wrong.join("\n");
}

const PAUSE = "await new Promise((resolve) => setTimeout(resolve, 300));";

interface Failing {
  readonly cells: Example[];
  readonly seconds?: number;
  readonly says: string[];
  /** Whether types and lint have nothing to say. @default they are not asked */
  readonly isChecked?: false;
}

const FAILING: Record<string, Failing> = {
  "an exception": {
    cells: [{ source: "const a = 1;" }, {
      source: 'if (a) throw new RangeError("too large");',
    }],
    says: ["cell 2: RangeError: too large", "  | if (a) throw"],
  },
  "a syntax error": {
    cells: [{ source: "const a = 1;\nconst = ;" }],
    isChecked: false,
    says: ["cell 1, line 2"],
  },
  "a wrong type": {
    cells: [{ source: "" }, { source: "\nexport const n: number = 'one';" }],
    isChecked: false,
    says: ["not assignable to type 'number'", "cell 2, line 2"],
  },
  "a package that does not exist": {
    cells: [{ source: 'const name = "lion-none:x";\nawait import(name);' }],
    says: ["cell 1:", "lion-none"],
  },
  "outputs that differ": {
    cells: [
      { source: "console.log(0.25);", prints: "0.26\n" },
      { source: 'console.log("b");', prints: "a\n" },
      { source: "void 1;", prints: "1\n", tags: ["measured"] },
      { source: "console.log(1);" },
    ],
    says: [
      "cell 1: output 1, stdout, differs\ncommitted: 0.26\nnow:       0.25",
      "cell 2: output 1, stdout, differs\ncommitted: a\nnow:       b",
      "cell 3: outputs differ\ncommitted: stdout\nnow:       none",
      "cell 4: outputs differ\ncommitted: none\nnow:       stdout",
    ],
  },
  "errors of timers and promises, after the last cell too": {
    cells: [
      {
        source:
          `void setTimeout(() => {\n  throw new Error("late");\n}, 50);\n${PAUSE}`,
      },
      { source: 'void Promise.reject(new Error("nobody"));' },
      {
        source:
          `void setTimeout(() => {\n  throw new Error("later");\n}, 200);`,
      },
    ],
    says: [
      "cell 1: wrote to stderr: Uncaught Error: late\n",
      "cell 2: wrote to stderr: Uncaught (in promise) Error: nobody\n",
      "cell 3: wrote to stderr: Uncaught Error: later\n",
    ],
  },
  "a kernel that ends": {
    cells: [{ source: "Deno.exit(3);" }],
    says: ["cell 1: the kernel died"],
  },
  "a cell that hangs": {
    cells: [{ source: "while (Deno.pid) { /* for ever */ }" }],
    seconds: 3,
    says: ["cell 1: not finished after 3 s", "  | while (Deno.pid)"],
  },
};

for (const [what, failing] of Object.entries(FAILING)) {
  const { cells, seconds, says, isChecked = true } = failing;
  Deno.test({
    name: `run() finds ${what}`,
    ignore: python === undefined,
    fn: async () => {
      const wrong = await runExamples(cells, {
        isChecked,
        ...seconds ? { seconds } : {},
      });
      for (const text of says) assertStringIncludes(wrong, text);
    },
  });
}

/** What execute.py prints of a notebook of one cell, where a program of the shell starts the kernel. */
async function executeWith(kernel: string): Promise<Execution> {
  let printed = "";
  await withFolder(async (folder) => {
    const path = `${folder}/example.ipynb`;
    const cells = [cellOf({ source: "console.log(1);" }, 0)];
    await Deno.writeTextFile(
      path,
      formatNotebook({ cells, metadata: {}, nbformat: 4, nbformat_minor: 5 }),
    );
    await Deno.mkdir(`${folder}/kernels/deno`, { recursive: true });
    await Deno.writeTextFile(
      `${folder}/kernels/deno/kernel.json`,
      JSON.stringify({
        argv: ["sh", "-c", kernel, Deno.execPath(), "{connection_file}"],
        ...{ display_name: "Deno", language: "typescript" },
      }),
    );
    const script = new URL(
      import.meta.resolve("../../tools/notebooks/execute.py"),
    );
    const { stdout } = await new Deno.Command(python!, {
      args: [fileURLToPath(script), path, "60", "1"],
      cwd: folder,
      env: { JUPYTER_PATH: folder, ...folderEnvironment(folder) },
    }).output();
    printed = new TextDecoder().decode(stdout);
  });
  return JSON.parse(printed);
}

Deno.test({
  name: "a kernel that does not start is started again, three times at most",
  ignore: python === undefined || Deno.build.os === "windows",
  fn: async () => {
    const start = 'exec "$0" jupyter --kernel --conn "$1"';
    const { outputs, failure } = await executeWith(
      `mkdir first 2> /dev/null && exit 1; ${start}`,
    );
    assertEquals(failure, null);
    assertEquals(outputs.flat().map(({ output_type }) => output_type), [
      "stream",
    ]);
    const never = await executeWith("exit 1");
    assertEquals(never.failure?.cell, null);
    assertStringIncludes(never.failure!.message, "Kernel died");
  },
});

Deno.test("areRight() is so where no notebook of several is wrong", async () => {
  const notebookOf = (source: string): Notebook => ({
    ...{ cells: [cellOf({ source }, 0)], metadata: {} },
    ...{ nbformat: 4, nbformat_minor: 5 },
  });
  // Both have the name: each is a module of its own.
  const right = notebookOf("export const n: number = 1;");
  const wrong = notebookOf("export const n: number = 'one';");
  assertEquals(await areRight([right, right]), true);
  assertEquals(await areRight([right, wrong]), false);
});

Deno.test({
  name: "run() finds nothing wrong with what is the same but for what may vary",
  ignore: python === undefined,
  fn: async () => {
    const wrong = await runExamples([
      { source: "const a = 2;\nconsole.log(a, 0.999);", prints: "2 1.001\n" },
      { source: 'console.log("12.5 ms");', prints: "3 ms\n" },
      {
        source: "console.log(a * Math.random());",
        prints: "some number\n",
        tags: ["measured"],
      },
      // Arrives after the cell, and belongs to it.
      { source: 'void setTimeout(() => console.log("b"), 30);', prints: "b\n" },
    ]);
    assertEquals(wrong, "");
  },
});

Deno.test({
  name: "run() stores outputs that it then finds right",
  ignore: python === undefined,
  fn: async () => {
    const cells = [
      { source: 'console.log("a")\nconsole.log("b")' },
      {
        source: 'const html = "<b>";\n' +
          "await Deno.jupyter.display({ 'text/html': html }, { raw: true });",
      },
      { source: "html.length", tags: ["hide-input", "measured", "timed"] },
    ];
    const wrong = await runExamples(cells, { write: true }, async (path) => {
      const first = await Deno.readTextFile(path);
      const notebook = await readNotebook(path);
      const { cells, metadata } = notebook;
      assertEquals(metadata["timed"], await fingerprintOf(notebook));
      assertEquals(cells[2]!.metadata.jupyter, { source_hidden: true });
      assertEquals(
        cells.map((cell) => cell.cell_type === "code" && cell.execution_count),
        [1, 2, 3],
      );
      assertEquals(cells[0]!.source, 'console.log("a");\nconsole.log("b");');
      const { outputs } = cells[0] as CodeCell;
      const text = "a\nb\n";
      assertEquals(outputs, [{ output_type: "stream", name: "stdout", text }]);
      // Its code has just been checked.
      const options = { python: python!, seconds: 60, isChecked: true };
      assertEquals(await run(path, { ...options, write: false }), []);
      assertEquals(await run(path, { ...options, write: true }), []);
      assertEquals(await Deno.readTextFile(path), first);
    });
    assertEquals(wrong, "");
  },
});
