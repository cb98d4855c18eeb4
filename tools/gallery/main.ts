/** Writes the gallery: `deno task gallery`. @module */
import { galleryFiles } from "./pages.ts";

const FOLDER = new URL("../../docs/notebooks/", import.meta.url);

await Deno.remove(FOLDER, { recursive: true }).catch((error) => {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
});
await Deno.mkdir(FOLDER, { recursive: true });
for (const [name, content] of await galleryFiles()) {
  await Deno.writeTextFile(new URL(name, FOLDER), content);
  console.log(`docs/notebooks/${name}`);
}
