/** Reads a report from its file. @module */
import type { Report } from "./report_file.ts";
import { ofRows } from "./report_rows.ts";

/**
 * A report of two cores without a GPU; `deno task report`, and then
 * `cp out/report.json bench/report/two_cores.json`, makes it anew.
 */
const KEPT = new URL("../report/two_cores.json", import.meta.url);

/** The report that is kept in the repository. */
export function readKept(): Promise<Report> {
  return readFile(KEPT);
}

/** The report of a file. */
export async function readFile(url: URL): Promise<Report> {
  return ofRows(JSON.parse(await Deno.readTextFile(url)));
}
