/// <reference lib="dom" />
/** The page's side of a worker. @module */
import type { Answer, Callable, Request } from "./messages.ts";

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A worker that computes, so that the page never stands still. */
export class Computer<C extends Callable<C>> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  /** Why no further call is answered. */
  #over: string | undefined;

  /** Starts the worker of a script. */
  constructor(script: string) {
    this.#worker = new Worker(script, { type: "module" });
    this.#worker.addEventListener("message", ({ data }) => {
      const answer = data as Answer;
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ("error" in answer) waiting?.reject(new Error(answer.error));
      else waiting?.resolve(answer.value);
    });
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      // A worker that loaded lives on after an error, which has a message.
      if (event.message) this.#fail(event.message);
      else this.#end("the worker did not load");
    });
  }

  /**
   * Calls a function of the worker; ports among the arguments go to it. Without a
   * worker, each call fails.
   */
  call<N extends keyof C>(
    name: N,
    ...args: Parameters<C[N]>
  ): ReturnType<C[N]> {
    const request: Request = { id: this.#calls++, name, args };
    const answer = new Promise((resolve, reject) =>
      this.#over === undefined
        ? this.#waiting.set(request.id, { resolve, reject })
        : reject(new Error(this.#over))
    );
    const given: readonly unknown[] = args;
    this.#worker.postMessage(
      request,
      given.filter((one) => one instanceof MessagePort),
    );
    return answer as ReturnType<C[N]>;
  }

  /** Ends the worker in the middle of what it does; calls that wait fail. */
  stop(): void {
    this.#worker.terminate();
    this.#end("stopped");
  }

  #end(message: string): void {
    this.#over ??= message;
    this.#fail(message);
  }

  #fail(message: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(message));
    this.#waiting.clear();
  }
}
