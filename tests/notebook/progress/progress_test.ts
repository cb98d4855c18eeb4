import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Progress, progressBar } from "../../../lib/notebook/mod.ts";
import { textScreen } from "../../../lib/notebook/progress/progress_screen.ts";
import {
  type ProgressCounts,
  progressLine,
  progressText,
} from "../../../lib/notebook/progress/progress_text.ts";

/** A line of no more than so many columns. */
function line(
  { columns, ...counts }: Partial<ProgressCounts> & { columns?: number },
): string {
  const text = progressText({
    done: 45,
    total: 100,
    initial: 0,
    seconds: 10,
    unit: "it",
    description: "",
    figures: {},
    ...counts,
  });
  return progressLine(text, columns);
}

Deno.test("progress has tqdm's format", () => {
  assertEquals(
    line({ description: "files", figures: { loss: 0.3, at: "x", n: 12345.6 } }),
    "files:  45%|█████████           | 45/100 [00:10<00:12, 4.50it/s, loss=0.3000, at=x, n=12346]",
  );
  assertEquals(
    line({ total: undefined }),
    "45it [00:10, 4.50it/s]",
  );
  assertEquals(
    line({ done: 0, seconds: 0 }),
    "  0%|                    | 0/100 [00:00<?, ?it/s]",
  );
  assertEquals(
    line({ total: 0, done: 0 }),
    "100%|████████████████████| 0/0 [00:10<?, ?it/s]",
  );
  assertEquals(
    line({ done: 120 }),
    "100%|████████████████████| 120/100 [00:10<00:00, 12.00it/s]",
  );
});

Deno.test("progress has hours, seconds per item, and what was done before", () => {
  assertEquals(
    line({ done: 50, initial: 40, seconds: 3723, unit: "step" }),
    " 50%|██████████          | 50/100 [1:02:03<5:10:15, 372.30s/step]",
  );
});

Deno.test("progress fits into a terminal", () => {
  for (let columns = 1; columns < 120; columns++) {
    const text = line({ columns, description: "files" });
    assert(text.length <= columns, `${text.length} in ${columns}`);
  }
  assertEquals(
    line({ columns: 45 }),
    " 45%|███▌    | 45/100 [00:10<00:12, 4.50it/s]",
  );
});

/** A stream and a clock, and what is written to it. */
function fakeScreen(columns: number | undefined) {
  const written: string[] = [];
  const clock = { now: 0 };
  const stream = { columns, write: (text: string) => void written.push(text) };
  const screen = textScreen(stream, () => clock.now);
  const at = (milliseconds: number, percent: number) => {
    clock.now = milliseconds;
    screen.show(() => ({ left: `${percent}%`, right: "", share: undefined }));
  };
  return { screen, written, at };
}

Deno.test("a terminal has one line, written over ten times per second", async () => {
  const { screen, written, at } = fakeScreen(80);
  for (let i = 0; i < 30; i++) at(i * 10, i);
  await screen.end({ left: "100%", right: "", share: undefined });
  assertEquals(
    written,
    ["\r0%\x1b[K", "\r10%\x1b[K", "\r20%\x1b[K", "\r100%\x1b[K\n"],
  );
});

Deno.test("a pipe has a line every ten seconds, and a last one", async () => {
  const { screen, written, at } = fakeScreen(undefined);
  for (let i = 0; i < 30; i++) at(i * 1000, i);
  await screen.end({ left: "100%", right: "", share: undefined });
  assertEquals(written, ["10%\n", "20%\n", "100%\n"]);
});

Deno.test("progressBar() goes through counts, lists and streams", async () => {
  const seen: unknown[] = [];
  for await (const i of progressBar(3)) seen.push(i);
  for await (const word of progressBar(new Set(["a", "b"]))) seen.push(word);
  async function* stream() {
    yield "c";
  }
  for await (const word of progressBar(stream())) seen.push(word);
  for await (const word of progressBar("de", { total: 2 })) seen.push(word);
  assertEquals(seen, [0, 1, 2, "a", "b", "c", "d", "e"]);
});

Deno.test("progressBar() ends what it goes through when it is left", async () => {
  let ended = false;
  async function* stream() {
    try {
      while (true) yield 1;
    } finally {
      ended = true;
    }
  }
  for await (const _ of progressBar(stream())) break;
  assertEquals(ended, true);
});

Deno.test("progressBar() ends with its signal's reason", async () => {
  const stop = new AbortController();
  let count = 0;
  const loop = async () => {
    for await (const _ of progressBar(10, { signal: stop.signal })) {
      if (++count === 3) stop.abort();
    }
  };
  await assertRejects(loop, DOMException, "aborted");
  await assertRejects(loop, DOMException, "aborted");
  assertEquals(count, 3);
});

Deno.test("progress says what is wrong with it", async () => {
  for (const total of [-1, NaN, Infinity]) {
    assertThrows(
      () => new Progress({ total }),
      RangeError,
      `total should be 0 or more, or undefined if unknown, got ${total}`,
    );
  }
  for (const count of [-1, 1.5, NaN]) {
    const loop = async () => await progressBar(count).next();
    await assertRejects(loop, RangeError, `or iterable, got ${count}`);
  }
});
