/** Makes an executed notebook fit to be committed. @module */
import {
  type Cell,
  type CodeCell,
  FOLDED,
  METADATA,
  type Notebook,
  type Output,
} from "./notebook.ts";
import type { Execution } from "./execute.ts";

/**
 * A notebook with the outputs of an execution, and nothing that changes with
 * each; and with the fingerprint of what it has timed.
 */
export function clean(
  { cells }: Notebook,
  outputs: Execution["outputs"],
  fingerprint?: string,
): Notebook {
  let count = 0;
  return {
    cells: cells.map((cell, index) => {
      const { tags } = cell.metadata;
      const common = {
        id: `cell-${index + 1}`,
        metadata: metadataOf(tags),
        source: cell.source,
      };
      if (cell.cell_type === "markdown") {
        return { cell_type: "markdown", ...common };
      }
      const execution_count = ++count;
      return {
        cell_type: "code",
        ...common,
        execution_count,
        outputs: cleanOutputs(outputs[index]!).map((output) =>
          output.output_type === "execute_result"
            ? { ...output, execution_count }
            : output
        ),
      } satisfies CodeCell;
    }),
    metadata: fingerprint ? { ...METADATA, timed: fingerprint } : METADATA,
    nbformat: 4,
    nbformat_minor: 5,
  };
}

/** Tags, and what JupyterLab wants beside the one that folds the code. */
function metadataOf(tags: readonly string[] = []): Cell["metadata"] {
  if (tags.length === 0) return {};
  return {
    ...(tags.includes(FOLDED) && { jupyter: { source_hidden: true } }),
    tags: [...tags],
  };
}

/** The outputs of a cell with what one stream says in a row put together. */
export function cleanOutputs(outputs: readonly Output[]): Output[] {
  const merged: Output[] = [];
  for (const output of outputs) {
    const last = merged.at(-1);
    if (
      output.output_type === "stream" && last?.output_type === "stream" &&
      output.name === last.name
    ) {
      merged[merged.length - 1] = { ...last, text: last.text + output.text };
    } else merged.push(output);
  }
  return merged.filter((output) => !isNothing(output));
}

/** Whether a front end would show nothing of an output. */
function isNothing(output: Output): boolean {
  return (output.output_type === "display_data" ||
    output.output_type === "execute_result") &&
    Object.keys(output.data).length === 0;
}
