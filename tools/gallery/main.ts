/** Writes the gallery: `deno task gallery`. @module */
import { readCommandLine } from "../command_line.ts";
import { galleryFiles } from "./pages.ts";

const USAGE = `Usage: deno task gallery

Makes docs/notebooks anew of the committed notebooks: pages that need no network.

  --help   print this`;

await readCommandLine(USAGE, {}, () => {});

const FOLDER = new URL("../../docs/notebooks/", import.meta.url);

await Deno.remove(FOLDER, { recursive: true }).catch((error) => {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
});
await Deno.mkdir(FOLDER, { recursive: true });
for (const [name, content] of await galleryFiles()) {
  const bytes = typeof content === "string"
    ? new TextEncoder().encode(content)
    : content;
  await Deno.writeFile(new URL(name, FOLDER), bytes);
  console.log(`docs/notebooks/${name}`);
}
