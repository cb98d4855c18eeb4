/**
 * The map of `lib` in docs/architecture.md, drawn from the imports in the code:
 * `deno run -A tools/house/map.ts` writes it anew, and a test compares it.
 *
 * @module
 */
import { type Import, importsOf, PACKAGES } from "../check_rooms.ts";
import config from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);

/** The document that has the map. */
export const DOCUMENT: URL = new URL("docs/architecture.md", ROOT);

/** The map in the document: a diagram in Mermaid. */
export const MAP = /```mermaid\n[^]*?```/;

/** Which rooms import which; a room is a folder of `lib`. */
function edgesOf(imports: readonly Import[]): Map<string, Set<string>> {
  const edges = new Map<string, Set<string>>();
  for (const { from, to } of imports) {
    const [room, imported] = [from, to].map((file) => file.split("/")[0]!);
    if (!edges.has(room!)) edges.set(room!, new Set());
    if (imported !== room) edges.get(room!)!.add(imported!);
  }
  return edges;
}

/** Whether one room reaches another by way of a third. */
function isReachedOtherwise(
  edges: ReadonlyMap<string, ReadonlySet<string>>,
  from: string,
  to: string,
): boolean {
  const reaches = (room: string): boolean =>
    room === to || [...edges.get(room) ?? []].some(reaches);
  return [...edges.get(from)!].some((room) => room !== to && reaches(room));
}

/**
 * The map: an arrow from each room to those that it imports, but for those that it
 * reaches by way of others.
 *
 * @param imports Among the files of `lib`, whose paths are from there on.
 */
export function mapOf(imports: readonly Import[]): string {
  const edges = edgesOf(imports);
  const rooms = [...edges.keys()].sort();
  const lines = rooms.flatMap((from) =>
    [...edges.get(from)!].sort()
      .filter((to) => !isReachedOtherwise(edges, from, to))
      .map((to) => `  ${from} --> ${to}`)
  );
  const isPackage = (room: string) => Object.hasOwn(PACKAGES, room);
  return [
    "```mermaid",
    "flowchart TD",
    "  subgraph lion",
    ...rooms.filter((room) => !isPackage(room)).map((room) => `    ${room}`),
    "  end",
    ...lines,
    "```",
  ].join("\n");
}

/** The map of the library as it is. */
export async function currentMap(): Promise<string> {
  const imports = await importsOf(ROOT, Object.values(config.exports));
  return mapOf(
    imports.filter(({ from, to }) => from.includes("/") && to.includes("/")),
  );
}

if (import.meta.main) {
  const text = await Deno.readTextFile(DOCUMENT);
  await Deno.writeTextFile(DOCUMENT, text.replace(MAP, await currentMap()));
}
