/** The page's side of a worker that does not answer. @module */
import { assertEquals, assertRejects } from "@std/assert";
import { Computer } from "../../site/computer.ts";
import { withProperty } from "../backend/with_property.ts";

type Calls = Record<"add", (a: number, b: number) => Promise<number>>;

/** A worker that answers nothing until it is told to. */
class SilentWorker extends EventTarget {
  static last: SilentWorker;

  constructor() {
    super();
    SilentWorker.last = this;
  }

  postMessage(): void {}

  terminate(): void {}
}

const withComputer = (
  run: (computer: Computer<Calls>, worker: SilentWorker) => Promise<void>,
) =>
  withProperty(
    globalThis,
    "Worker",
    SilentWorker,
    () => run(new Computer("worker.js"), SilentWorker.last),
  );

Deno.test("calls of a worker that did not load fail, before and after", () =>
  withComputer(async (computer, worker) => {
    const before = computer.call("add", 1, 2);
    worker.dispatchEvent(new Event("error"));
    for (const call of [before, computer.call("add", 1, 2)]) {
      await assertRejects(() => call, Error, "the worker did not load");
    }
  }));

Deno.test("calls of a worker that was stopped fail, before and after", () =>
  withComputer(async (computer) => {
    const before = computer.call("add", 1, 2);
    computer.stop();
    for (const call of [before, computer.call("add", 1, 2)]) {
      await assertRejects(() => call, Error, "stopped");
    }
  }));

Deno.test("a worker answers after an error, which the calls before it throw", () =>
  withComputer(async (computer, worker) => {
    const before = computer.call("add", 1, 2);
    worker.dispatchEvent(new ErrorEvent("error", { message: "the reason" }));
    await assertRejects(() => before, Error, "the reason");
    const after = computer.call("add", 1, 2);
    const data = { id: 1, value: 3 };
    worker.dispatchEvent(new MessageEvent("message", { data }));
    assertEquals(await after, 3);
  }));
