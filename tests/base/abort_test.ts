/** Waiting for a value ends with its signal, and nothing is lost. @module */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  assertSignal,
  itemsUnlessAborted,
  unlessAborted,
} from "../../lib/base/abort.ts";

const never = new Promise<never>(() => {});
const turns = async (count: number) => {
  for (let i = 0; i < count; i++) {
    await new Promise((resolve) => setTimeout(resolve));
  }
};

Deno.test("unlessAborted() gives what has come, or the signal's reason", async () => {
  const { signal } = new AbortController();
  assertEquals(await unlessAborted(undefined, 1), 1);
  assertEquals(await unlessAborted(signal, Promise.resolve(2)), 2);
  const aborted = AbortSignal.abort("stop");
  assertEquals(await unlessAborted(aborted, Promise.resolve(3)), 3);
  assertEquals(
    await unlessAborted(aborted, never).catch((reason) => reason),
    "stop",
  );
  await assertRejects(
    () => unlessAborted(signal, Promise.reject(new RangeError("own"))),
    RangeError,
    "own",
  );
});

Deno.test("unlessAborted() takes what comes late, errors too", async () => {
  const stop = new AbortController();
  const late: number[] = [];
  const { promise, resolve } = Promise.withResolvers<number>();
  const failing = Promise.withResolvers<number>();
  const waiting = [promise, failing.promise].map((coming) =>
    unlessAborted(stop.signal, coming, (value) => late.push(value))
      .catch((reason) => reason)
  );
  stop.abort("stop");
  assertEquals(await Promise.all(waiting), ["stop", "stop"]);
  failing.reject(new Error("late")); // unhandled, it would fail the test
  resolve(7);
  await turns(2);
  assertEquals(late, [7]);
});

Deno.test("unlessAborted() leaves no listener", async () => {
  let listeners = 0;
  const { signal } = new AbortController();
  const { addEventListener, removeEventListener } = signal;
  Object.assign(signal, {
    addEventListener(...given: unknown[]) {
      listeners++;
      addEventListener.apply(signal, given as never);
    },
    removeEventListener(...given: unknown[]) {
      listeners--;
      removeEventListener.apply(signal, given as never);
    },
  });
  for (let i = 0; i < 3; i++) await unlessAborted(signal, i);
  await unlessAborted(signal, Promise.reject("no")).catch(() => {});
  assertEquals(listeners, 0);
});

Deno.test("itemsUnlessAborted() gives all items, and ends what it reads", async () => {
  const seen: unknown[] = [];
  for await (const item of itemsUnlessAborted(undefined, "abc")) {
    seen.push(item);
  }
  assertEquals(seen, ["a", "b", "c"]);

  let ended = "";
  async function* source(last: number) {
    try {
      for (let i = 0;; i++) yield i === last ? await never : i;
    } finally {
      ended += "returned";
    }
  }
  for await (const item of itemsUnlessAborted(undefined, source(9))) {
    if (item === 2) break;
  }
  assertEquals(ended, "returned");

  const stop = new AbortController();
  setTimeout(() => stop.abort("stop"));
  const items = itemsUnlessAborted(stop.signal, source(2));
  assertEquals([(await items.next()).value, (await items.next()).value], [
    0,
    1,
  ]);
  assertEquals(await items.next().catch((reason) => reason), "stop");
  assertEquals((await items.next()).done, true);

  async function* failing() {
    yield await Promise.resolve(1);
    throw new RangeError("own");
  }
  const reading = itemsUnlessAborted(stop.signal, failing());
  await reading.next();
  await assertRejects(() => reading.next(), RangeError, "own");
});

Deno.test("assertSignal() takes signals alone", () => {
  assertSignal("its", undefined);
  assertSignal("its", AbortSignal.abort());
  for (const wrong of [null, {}, "stop", new AbortController(), 1]) {
    assertThrows(
      () => assertSignal("its", wrong as never),
      TypeError,
      "its signal should be an AbortSignal",
    );
  }
});
