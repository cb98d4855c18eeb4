/// <reference lib="dom" />
/**
 * Every page of the built site, light and dark, at 390, 830 and 1440 pixels: what
 * axe finds, and what is wider than the page. `deno task site-test` looks at a sample
 * of them.
 *
 * @module
 */
import axe, { type RunOptions } from "axe-core";
import { fileURLToPath } from "node:url";
import pLimit from "p-limit";
import type { BrowserContext, Page } from "playwright-core";
import { positiveInteger, readCommandLine } from "../../tools/command_line.ts";
import { outFolder } from "../../tools/out_folder.ts";
import { serveSite } from "../../tools/site/serve.ts";
import { launch } from "../platforms/chromium.ts";

const USAGE = `Usage: deno run -A tests/site/every_page.ts [options]

Opens every page of the site that deno task site has built, and prints what axe
finds and what is wider than the page. All of axe's rules check the light page at
390, 830 and 1440 pixels; the dark page differs only in colours, so only the rules on
colours check it. This takes about twenty minutes on two idle cores.

  --only PATTERN   only pages whose paths match this regular expression
  --tabs N   pages to open at a time (default 2)
  --help     print this`;

const SITE = outFolder("site");

/** Widths of phones, of tablets and of desktops. */
const WIDTHS = [390, 830, 1440] as const;

/** What axe is asked: the rules that it has on by default, or those on colours. */
const ASKED: Record<"light" | "dark", RunOptions> = {
  light: { resultTypes: ["violations"] },
  dark: {
    resultTypes: ["violations"],
    runOnly: ["color-contrast", "link-in-text-block"],
  },
};

/** Paths of all pages in a folder, but for those that lead to another at once. */
async function pagesIn(folder: URL, path = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) {
      const inside = new URL(`${encodeURIComponent(name)}/`, folder);
      found.push(...await pagesIn(inside, `${path}${name}/`));
    } else if (name.endsWith(".html")) {
      const html = await Deno.readTextFile(new URL(name, folder));
      if (!html.includes('http-equiv="refresh"')) found.push(`${path}${name}`);
    }
  }
  return found.sort();
}

/** What is wrong with a page that is open, light and dark, at each width. */
async function faultsOf(page: Page): Promise<string[]> {
  // A colour on its way to another is neither.
  await page.addStyleTag({ content: "* { transition: none !important; }" });
  await page.evaluate(axe.source);
  const faults: string[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      const { violations, excess, tables } = await page.evaluate(
        async (asked) => ({
          violations: (await (globalThis as unknown as { axe: typeof axe }).axe
            .run(asked)).violations,
          excess: document.documentElement.scrollWidth - innerWidth,
          tables: [...document.querySelectorAll("main table")]
            .filter(({ scrollWidth, clientWidth }) =>
              scrollWidth > clientWidth + 1
            ).map(({ textContent }) => textContent!.slice(0, 80)),
        }),
        ASKED[colorScheme],
      );
      const at = `${width} pixels, ${colorScheme}`;
      faults.push(
        ...violations.map(({ id, nodes }) =>
          `${at}: ${id}: ${
            nodes.map(({ html }) => html.slice(0, 120)).join(" ")
          }`
        ),
      );
      if (excess > 0) faults.push(`${at}: ${excess} pixels too wide`);
      faults.push(...tables.map((table) => `${at}: a wide table: ${table}`));
    }
  }
  return faults;
}

/** Opens a page in a tab of its own. */
async function faultsAt(
  context: BrowserContext,
  address: string,
): Promise<string[]> {
  const page = await context.newPage();
  // The largest take long on a busy machine.
  page.setDefaultTimeout(300_000);
  try {
    await page.goto(address);
    return await faultsOf(page);
  } finally {
    await page.close();
  }
}

const { only, tabs } = await readCommandLine(
  USAGE,
  {
    only: { type: "string", default: "" },
    tabs: { type: "string", default: "2" },
  },
  ({ only, tabs }) => ({
    only: new RegExp(only),
    tabs: positiveInteger("--tabs", tabs),
  }),
);
const paths = (await pagesIn(SITE)).filter((path) => only.test(path));
if (paths.length === 0) {
  throw new Error(
    `no page in ${fileURLToPath(SITE)}; run deno task site first`,
  );
}
await using server = serveSite(SITE, { port: 0, isIsolated: true });
const browser = await launch();
const context = await browser.newContext({
  // The page's policy would forbid the style above.
  bypassCSP: true,
  // It would load the page again.
  serviceWorkers: "block",
});
let looked = 0;
let faulty = 0;
await pLimit(tabs).map(paths, async (path) => {
  const address = path.split("/").map(encodeURIComponent).join("/");
  const faults = await faultsAt(
    context,
    `http://localhost:${server.addr.port}/${address}`,
  );
  for (const fault of faults) console.log(`${path}, ${fault}`);
  if (faults.length > 0) faulty++;
  if (++looked % 100 === 0) console.log(`${looked} of ${paths.length}`);
});
await browser.close();
console.log(`${paths.length} pages, ${faulty} with faults`);
Deno.exit(faulty > 0 ? 1 : 0);
