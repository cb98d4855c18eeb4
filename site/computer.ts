/// <reference lib="dom" />
/** The page's side of a worker. @module */
import type { Answer, Calls, Request } from "./calls.ts";

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A worker that computes, so that the page never stands still. */
export class Computer {
  readonly #worker = new Worker("worker.js", { type: "module" });
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;

  constructor() {
    this.#worker.addEventListener("message", ({ data }) => {
      const answer = data as Answer;
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ("error" in answer) waiting?.reject(new Error(answer.error));
      else waiting?.resolve(answer.value);
    });
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#end(event.message || "the worker did not load");
    });
  }

  /** Calls a function of the worker. */
  call<N extends keyof Calls>(
    name: N,
    ...args: Parameters<Calls[N]>
  ): ReturnType<Calls[N]> {
    const request: Request = { id: this.#calls++, name, args };
    const answer = new Promise((resolve, reject) =>
      this.#waiting.set(request.id, { resolve, reject })
    );
    this.#worker.postMessage(request);
    return answer as ReturnType<Calls[N]>;
  }

  /** Ends the worker in the middle of what it does; calls that wait fail. */
  stop(): void {
    this.#worker.terminate();
    this.#end("stopped");
  }

  #end(message: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(message));
    this.#waiting.clear();
  }
}
