/** Reads the reader's own report, or the one that is kept here. @module */
import { readFile, readKept } from "../measure/read_report.ts";
import type { Report } from "../measure/report_file.ts";
import { OUT } from "../../tools/out_folder.ts";

/** That of `deno task report`. */
const OWN = new URL("report.json", OUT);

/**
 * The report of this machine if `deno task report` has made one with all figures,
 * and otherwise the one that is kept.
 */
export async function readReport(): Promise<
  { readonly report: Report; readonly isOwn: boolean }
> {
  const own = await readIfThere(OWN);
  if (own && isWhole(own)) return { report: own, isOwn: true };
  return { report: await readKept(), isOwn: false };
}

/** Whether all figures are there, at their sizes. */
function isWhole({ command }: Report): boolean {
  return !/--(quick|only|backend)\b/.test(command);
}

async function readIfThere(url: URL): Promise<Report | null> {
  try {
    return await readFile(url);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
