/** Checks that no link of the documentation leads nowhere. @module */
import { documentation } from "./site/documents.ts";
import { ANNOTATED_PROGRAM, ANNOTATED_STYLE } from "./site/annotated.ts";
import { ELSEWHERE, SHARED } from "./site/build.ts";
import { brokenLinks } from "./site/links.ts";

const { files } = await documentation();
for (const name of SHARED) files.set(name, "");
for (const name of [ANNOTATED_PROGRAM, ANNOTATED_STYLE]) {
  files.set(`notebooks/${name}`, "");
}
const broken = brokenLinks(files, ELSEWHERE);
broken.forEach((line) => console.error(line));
console.log(`links of ${files.size} pages and files: ${broken.length} broken`);
if (broken.length > 0) Deno.exit(1);
