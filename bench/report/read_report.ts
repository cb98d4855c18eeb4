/** Reads a report: the reader's own, or one that is kept here. @module */
import { OUT } from "../../tools/out_folder.ts";
import type { Report } from "./report_file.ts";
import { ofRows } from "./report_rows.ts";

/**
 * A report of two cores without a GPU; `deno task report`, and then
 * `cp out/report.json bench/report/two_cores.json`, makes it anew.
 */
const KEPT = new URL("two_cores.json", import.meta.url);

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

/** The report that is kept here. */
export function readKept(): Promise<Report> {
  return read(KEPT);
}

/** Whether all figures are there, at their sizes. */
function isWhole({ command }: Report): boolean {
  return !/--(quick|only|backend)\b/.test(command);
}

async function readIfThere(url: URL): Promise<Report | null> {
  try {
    return await read(url);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function read(url: URL): Promise<Report> {
  return ofRows(JSON.parse(await Deno.readTextFile(url)));
}
