/**
 * The programs of documents and doc comments. `deno test --doc` runs each in a
 * worker of its own, which takes a third of a second to load the library: here those
 * that open no backend share one.
 *
 * @module
 */
import { fileURLToPath, pathToFileURL } from "node:url";
import { MODELS } from "../../tools/check_rooms.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A program, and where it stands. */
interface Example {
  readonly file: string;
  /** Its first line in the file, counted from 1. */
  readonly line: number;
  readonly code: string;
}

/** The files whose programs are run. */
async function sources(): Promise<string[]> {
  const found = ["README.md", "mod.ts"];
  const walk = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(ROOT + folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory) await walk(path);
      else if (/\.(ts|md)$/.test(name)) found.push(path);
    }
  };
  for (const folder of ["docs", "lib", "models", "notebooks"]) {
    await walk(folder);
  }
  return found.sort();
}

/** Blocks of code: what stands after the three backticks, and the code. */
const BLOCK = /```([^\r\n]*)\r?\n([^]*?)```/g;

/** Doc comments, each of which begins a line. */
const COMMENT = /^[ \t]*\/\*\*[^]*?\*\//gm;

const LANGUAGES = ["ts", "js", "mts", "mjs", "typescript", "javascript"];

/** The programs of a file as `deno test --doc` finds them: those of `ignore` are not run. */
export function examplesIn(file: string, text: string): Example[] {
  const lineAt = (index: number) => text.slice(0, index).split("\n").length;
  const parts = file.endsWith(".md")
    ? [{ markdown: text, line: 1 }]
    : [...text.matchAll(COMMENT)].map(({ 0: comment, index }) => ({
      markdown: comment.replaceAll(/^[ \t]*\*(?!\/) ?/gm, ""),
      line: lineAt(index),
    }));
  return parts.flatMap(({ markdown, line }) =>
    [...markdown.matchAll(BLOCK)].flatMap(({ 1: words, 2: code, index }) => {
      const [language, ...rest] = words!.trim().split(/[\s,]+/);
      if (!LANGUAGES.includes(language!) || rest.includes("ignore")) return [];
      const before = markdown.slice(0, index).split("\n").length;
      return [{ file, line: line + before, code: code! }];
    })
  );
}

/** What opens a backend: a call, or a package of a model, whose functions open one. */
const OPENS_BACKEND = new RegExp(
  `(use|open)Backend\\(|"@lionjs/(${MODELS.join("|")})"`,
);

/**
 * Runs a program where nothing has opened a backend. One that opens a backend has
 * a worker of its own, so that what it computes before that is an error.
 */
async function runExample(url: string, code: string): Promise<void> {
  if (!OPENS_BACKEND.test(code)) return void await import(url);
  const worker = new Worker(url, { type: "module" });
  try {
    await new Promise<void>((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
    });
  } finally {
    worker.terminate();
  }
}

/** 0 for a program that imports no backend, 1 for TensorFlow.js's cpu, 2 for others. */
const importsBackend = ({ code }: Example) =>
  Number(code.includes("@tensorflow/tfjs-backend-")) +
  Number(/@tensorflow\/tfjs-backend-(?!cpu)/.test(code));

/** Registers a test for each program of one part of all files. */
export async function testExamples(part: number): Promise<void> {
  const files = (await sources()).filter((_, i) => i % 4 === part);
  const texts = await Promise.all(
    files.map((file) => Deno.readTextFile(ROOT + file)),
  );
  const examples = files.flatMap((file, i) => examplesIn(file, texts[i]!))
    // One that imports a backend opens it for all that follow: most want the cpu's.
    .sort((a, b) => importsBackend(a) - importsBackend(b));
  // In the repository, whose deno.json says what `@lionjs/lion` is.
  await Deno.mkdir(`${ROOT}out`, { recursive: true });
  const options = { dir: `${ROOT}out`, prefix: "examples-" };
  const folder = await Deno.makeTempDir(options);
  addEventListener(
    "unload",
    () => Deno.removeSync(folder, { recursive: true }),
  );
  for (const [i, { file, line, code }] of examples.entries()) {
    Deno.test(`the program of ${file}:${line} runs`, async () => {
      const path = `${folder}/${i}.ts`;
      const { href } = new URL("./", pathToFileURL(ROOT + file));
      const program = code.replaceAll('from "./', `from "${href}`);
      await Deno.writeTextFile(
        path,
        `${program}\nself.postMessage?.("over");\n`,
      );
      await runExample(pathToFileURL(path).href, code);
    });
  }
}
