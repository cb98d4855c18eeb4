/** Where pages lead to the repository, and what they ask of readers until it is published. @module */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { pageHTML } from "../../tools/site/page.ts";
import {
  REPOSITORY,
  repositoryLink,
  withRepository,
} from "../../tools/site/repository.ts";

const ROOT = new URL("../../", import.meta.url);

/** What needs a published package, or the address of the repository. */
const NEEDS =
  /^[$ ]*(?:<code>)?(?:git clone|(?:deno add|deno install|npm i|npm install|npx)\b.*(?:jsr:@lionjs|npm:@lionjs| @lionjs))/m;

/** What readers see first, and all guides. */
async function documents(): Promise<string[]> {
  const guides = await Array.fromAsync(Deno.readDir(new URL("docs/", ROOT)));
  return [
    ...[
      "README.md",
      "CONTRIBUTING.md",
      "site/index.html",
      "lib/tfjs/README.md",
    ],
    ...guides.filter(({ name }) => name.endsWith(".md"))
      .map(({ name }) => `docs/${name}`),
  ];
}

Deno.test("no document has a command that fails until the packages are published", async () => {
  if (REPOSITORY !== null) return;
  for (const path of await documents()) {
    const text = await Deno.readTextFile(new URL(path, ROOT));
    assertEquals(NEEDS.exec(text)?.[0], undefined, path);
  }
});

Deno.test("such a command is found", () => {
  for (
    const command of [
      "git clone https://example.org/lion",
      "deno add jsr:@lionjs/lion",
      "npm install @lionjs/lion",
    ]
  ) assertEquals(NEEDS.test(`text\n${command}\n`), true, command);
  assertEquals(NEEDS.test("npm install ../lion/out/lion.tgz"), false);
});

Deno.test("pages lead to the repository once it has an address", async () => {
  const address = "https://example.org/lion?a&b";
  const link = '<a href="https://example.org/lion?a&amp;b">Repository</a>';
  assertEquals(repositoryLink(address), link);
  assertEquals(repositoryLink(null), "");
  const html = await Deno.readTextFile(new URL("site/index.html", ROOT));
  assertStringIncludes(withRepository(html, address), link);
  assertEquals(withRepository(html, null), html);
  const page = pageHTML({ path: "a.html", title: "a", body: "<h1>a</h1>" });
  assertEquals(page.includes(">Repository</a>"), REPOSITORY !== null);
});
