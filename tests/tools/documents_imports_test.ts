/** Programs of the documents import what the documented deno.json has. @module */
import { assert, assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);

/** What runs in a folder of the clone, whose own deno.json counts there. */
const IN_CLONE = "docs/tutorial.md";

/** The blocks of a language in a text. */
function blocks(text: string, language: string): string[] {
  const fence = new RegExp(`^\`\`\`${language}\\b.*\\n([^]*?)^\`\`\`$`, "gm");
  return [...text.matchAll(fence)].map(([, code]) => code!);
}

Deno.test("documents import what a project's deno.json has, in its version", async () => {
  const names = await Array.fromAsync(
    Deno.readDir(new URL("docs", ROOT)),
    ({ name }) => `docs/${name}`,
  );
  const texts = await Promise.all(
    ["README.md", ...names.filter((name) => name.endsWith(".md"))].sort()
      .map(async (name) =>
        [name, await Deno.readTextFile(new URL(name, ROOT))] as const
      ),
  );
  const platforms = texts.find(([name]) => name === "docs/platforms.md")![1];
  const imports: Record<string, string> =
    JSON.parse(blocks(platforms, "json")[0]!).imports;
  const ours: Record<string, string> = config.imports;
  for (const [name, version] of Object.entries(imports)) {
    if (name !== config.name) assertEquals(version, ours[name], name);
  }
  const entries = Object.keys(config.exports)
    .map((entry) => config.name + entry.slice(1));
  const models = config.workspace.filter((path) => path.startsWith("./models/"))
    .map((path) => path.replace("./models/", "@lionjs/"));
  const known = new Set([...entries, ...models, ...Object.keys(imports)]);
  const packages = Object.keys(ours);
  const isIn = (one: string, name: string) =>
    name === one || name.startsWith(`${one}/`);
  let programs = 0;
  for (const [file, text] of texts) {
    for (const code of [...blocks(text, "ts"), ...blocks(text, "js")]) {
      programs++;
      const found = code.matchAll(/\b(?:from|import)\s*\(?\s*"([^".][^"]*)"/g);
      for (const [, name] of found) {
        const isKnown = known.has(name!) || file === IN_CLONE &&
            (name!.startsWith("node:") ||
              packages.some((one) => isIn(one, name!)));
        assert(isKnown, `${file}: deno.json lacks "${name}"`);
      }
    }
  }
  assert(programs > 10);
});
