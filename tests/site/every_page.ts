/// <reference lib="dom" />
/**
 * Every page of the built site, light and dark, at 390 and 1440 pixels: what axe
 * finds, and what is wider than the page. `deno task site-test` looks at a sample
 * of them; this takes an hour on two cores:
 *
 *     deno task site
 *     deno run -A tests/site/every_page.ts [PATTERN]
 *
 * Only pages whose paths match the pattern are looked at.
 *
 * @module
 */
import axe from "axe-core";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { outFolder } from "../../tools/out_folder.ts";
import { serveSite } from "../../tools/site/serve.ts";
import { launch } from "../platforms/chromium.ts";

const SITE = outFolder("site");

/** Widths of phones and of desktops. */
const WIDTHS = [390, 1440] as const;

/** Paths of all pages in a folder, as the site has them. */
async function pagesIn(folder: URL, path = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) {
      const inside = new URL(`${encodeURIComponent(name)}/`, folder);
      found.push(...await pagesIn(inside, `${path}${name}/`));
    } else if (name.endsWith(".html")) found.push(`${path}${name}`);
  }
  return found.sort();
}

/** What is wrong with a page that is open, at each width, light and dark. */
async function faultsOf(page: Page): Promise<string[]> {
  // A colour on its way to another is neither.
  await page.addStyleTag({ content: "* { transition: none !important; }" });
  await page.evaluate(axe.source);
  const faults: string[] = [];
  for (const width of WIDTHS) {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      const { violations, excess } = await page.evaluate(async () => ({
        violations:
          (await (globalThis as unknown as { axe: typeof axe }).axe.run())
            .violations,
        excess: document.documentElement.scrollWidth - innerWidth,
      }));
      const at = `${width} pixels, ${colorScheme}`;
      faults.push(
        ...violations.map(({ id, nodes }) =>
          `${at}: ${id}: ${
            nodes.map(({ html }) => html.slice(0, 120)).join(" ")
          }`
        ),
      );
      if (excess > 0) faults.push(`${at}: ${excess} pixels too wide`);
    }
  }
  return faults;
}

const pattern = new RegExp(Deno.args[0] ?? "");
const paths = (await pagesIn(SITE)).filter((path) => pattern.test(path));
if (paths.length === 0) {
  throw new Error(
    `no page in ${fileURLToPath(SITE)}; run deno task site first`,
  );
}
await using server = serveSite(SITE, { port: 0, isIsolated: true });
const browser = await launch();
// The page's policy would forbid the style above.
const context = await browser.newContext({
  bypassCSP: true,
  // It would load the page again.
  serviceWorkers: "block",
});
const page = await context.newPage();
let faulty = 0;
for (const [at, path] of paths.entries()) {
  const address = path.split("/").map(encodeURIComponent).join("/");
  await page.goto(`http://localhost:${server.addr.port}/${address}`);
  const faults = await faultsOf(page);
  for (const fault of faults) console.log(`${path}, ${fault}`);
  if (faults.length > 0) faulty++;
  if ((at + 1) % 100 === 0) console.log(`${at + 1} of ${paths.length}`);
}
await browser.close();
console.log(`${paths.length} pages, ${faulty} with faults`);
Deno.exit(faulty > 0 ? 1 : 0);
