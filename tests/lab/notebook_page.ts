/** A notebook in JupyterLab, as its reader sees it. @module */
import type { Browser, Locator, Page } from "playwright-core";

/** A notebook that is open. */
export class NotebookPage {
  readonly #page: Page;

  private constructor(page: Page) {
    this.#page = page;
  }

  /** Opens a notebook, and waits until its cells are there. */
  static async open(browser: Browser, url: string): Promise<NotebookPage> {
    // So high that all cells are in view, which JupyterLab does not draw else.
    const viewport = { width: 1200, height: 2400 };
    const page = await browser.newPage({ viewport });
    // A kernel takes a second to start, and a minute on a busy machine.
    page.setDefaultTimeout(120_000);
    await page.goto(url, { waitUntil: "domcontentloaded" });
    await page.locator(".jp-Notebook .jp-Cell").first().waitFor();
    return new NotebookPage(page);
  }

  /** Elements of the page, by a selector of CSS. */
  find(selector: string): Locator {
    return this.#page.locator(selector);
  }

  /** Waits until an output has a text. */
  async waitForOutput(text: string): Promise<void> {
    await this.find(".jp-OutputArea-output").filter({ hasText: text }).first()
      .waitFor();
  }

  /** Runs all cells from a fresh kernel that is ready. */
  async runAll(): Promise<void> {
    await this.#page.getByText("Deno | Idle").waitFor();
    await this.#choose("Run", "runmenu:run-all");
    await this.#busy.waitFor();
  }

  /** The first cell that runs or waits to run. */
  get #busy(): Locator {
    return this.find(".jp-InputPrompt").filter({ hasText: "*" }).first();
  }

  /** Presses Stop. */
  async stop(): Promise<void> {
    await this.#page.click(
      'jp-button[data-command="notebook:interrupt-kernel"], ' +
        'button[data-command="notebook:interrupt-kernel"]',
    );
  }

  /** Waits until nothing runs or waits to run. */
  async waitUntilDone(): Promise<void> {
    await this.#busy.waitFor({ state: "detached", timeout: 600_000 });
  }

  /** Saves the notebook to its file. */
  async save(): Promise<void> {
    await this.#choose("File", "docmanager:save");
    await this.find(".jp-mod-dirty").waitFor({ state: "detached" });
  }

  /** Saves a picture of the page. */
  async screenshot(path: string): Promise<void> {
    await this.#page.screenshot({ path });
  }

  async close(): Promise<void> {
    await this.#page.close();
  }

  async #choose(menu: string, command: string): Promise<void> {
    await this.#page.click(`.lm-MenuBar-item:has-text("${menu}")`);
    await this.#page.click(`.lm-Menu-item[data-command="${command}"]`);
  }
}
