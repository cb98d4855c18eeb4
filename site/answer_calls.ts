/// <reference lib="dom" />
/** The worker's side of calls. @module */
import { messageOf } from "../lib/base/shown.ts";
import type { Answer, Callable, Request } from "./messages.ts";

/** Answers a page's calls, one after another: times should not be those of two at once. */
export function answerCalls<C extends Callable<C>>(calls: C): void {
  let last: Promise<unknown> = Promise.resolve();
  globalThis.addEventListener("message", ({ data }) => {
    const { id, name, args } = data as Request;
    last = last.then(async () => {
      let answer: Answer;
      try {
        const call = calls[name as keyof C];
        answer = { id, value: await call(...args as never[]) };
      } catch (error) {
        answer = { id, error: messageOf(error) };
      }
      globalThis.postMessage(answer);
    });
  });
}
