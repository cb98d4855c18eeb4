/** Executes notebooks in Jupyter. @module */
import type { Output } from "./notebook.ts";
import { fileURLToPath } from "node:url";
import { folderEnvironment, kernelEnvironment } from "./jupyter.ts";

/** How to execute a notebook. */
export interface ExecuteOptions {
  /** A Python that has nbclient. */
  readonly python: string;
  /** How long the notebook may take. */
  readonly seconds: number;
  /** Processors that its programs find. @default the machine's */
  readonly processors?: number;
}

/** What came of executing a notebook. */
export interface Execution {
  /** The outputs of each cell; none for text. */
  readonly outputs: readonly Output[][];
  /** What kept the notebook from its end. */
  readonly failure: {
    /** The cell's index, or `null` if the kernel did not start. */
    readonly cell: number | null;
    readonly message: string;
  } | null;
}

/** Executes a notebook from a fresh kernel, in its own folder. */
export async function execute(
  path: string,
  { python, seconds, processors }: ExecuteOptions,
): Promise<Execution> {
  const script = fileURLToPath(new URL("execute.py", import.meta.url));
  const folder = await Deno.makeTempDir({ prefix: "lion-" });
  try {
    const { success, stdout, stderr } = await new Deno.Command(python, {
      args: [
        script,
        path,
        `${seconds}`,
        `${processors ?? navigator.hardwareConcurrency}`,
      ],
      env: {
        ...await kernelEnvironment(),
        ...folderEnvironment(folder),
        PLOTLY_RENDERER: "png",
      },
    }).output();
    const text = new TextDecoder();
    if (!success) throw new Error(text.decode(stderr));
    return JSON.parse(text.decode(stdout));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
