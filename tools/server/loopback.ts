/** The one way in which programs of this repository serve: on this machine, to this machine. @module */

import { messageOf } from "../../lib/base/shown.ts";
import { warnOnce } from "../../lib/base/warn_once.ts";

/**
 * What a client of this machine calls it. Another name that leads here is that of
 * a page of somebody else, who has its address changed to this machine's once
 * the page is loaded (DNS rebinding).
 */
const HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;

/** Milliseconds for which a server that could accept no connection lets others close. */
const PAUSE = 200;

/** What serves until it is shut down. */
export interface LocalServer extends AsyncDisposable {
  readonly addr: Deno.NetAddr;
  /** Ends with {@linkcode shutdown}. */
  readonly finished: Promise<void>;
  shutdown(): Promise<void>;
}

/** Options of {@linkcode serveLocally}. */
export interface LoopbackOptions {
  /** @default 0, any that is free */
  readonly port?: number;
  /** The methods that are answered. @default GET and HEAD */
  readonly methods?: readonly string[];
}

/**
 * Serves on 127.0.0.1 alone, to who names this machine: others get 421, or 400
 * without a name. Other methods get 405. Where `answer` throws, the client gets
 * 500 without a reason, and the console one line. Where the system accepts no
 * connection, as at the limit of open files, it listens again until it does.
 */
export function serveLocally(
  answer: (request: Request) => Response | Promise<Response>,
  { port = 0, methods = ["GET", "HEAD"] }: LoopbackOptions = {},
): LocalServer {
  const onError = (error: unknown) => {
    console.error(`a request failed: ${JSON.stringify(messageOf(error))}`);
    return failure(500, "this failed here");
  };
  const listen = (port: number) =>
    Deno.serve(
      { hostname: "127.0.0.1", port, onListen() {}, onError },
      async (request) => refusal(request, methods) ?? await answer(request),
    );
  let server: ReturnType<typeof listen> | undefined = listen(port);
  let isOpen = true;
  const { addr } = server;
  const untilShutDown = async () => {
    while (isOpen) {
      try {
        server ??= listen(addr.port);
        return await server.finished;
      } catch (error) {
        if (error instanceof Deno.errors.AddrInUse) throw error;
        // A connection that cannot be accepted ends Deno's own server.
        server = undefined;
        const reason = JSON.stringify(messageOf(error));
        warnOnce(`port ${addr.port}`, `a connection failed: ${reason}`);
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
      }
    }
  };
  const finished = untilShutDown();
  const shutdown = async () => {
    isOpen = false;
    await server?.shutdown();
    await finished;
  };
  return { addr, finished, shutdown, [Symbol.asyncDispose]: shutdown };
}

/** An answer that says what is wrong. */
export function failure(
  status: number,
  reason: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(`${reason}\n`, {
    status,
    headers: { ...headers, "content-type": "text/plain; charset=utf-8" },
  });
}

function refusal(
  request: Request,
  methods: readonly string[],
): Response | undefined {
  const host = request.headers.get("host");
  if (host === null) return failure(400, "Host is missing");
  if (!HOST.test(host)) return failure(421, "this is another host");
  if (!methods.includes(request.method)) {
    return failure(405, "there is no such method here", {
      allow: methods.join(", "),
    });
  }
  // A target may name a host of its own: GET http://elsewhere/ HTTP/1.1
  if (!URL.canParse(request.url)) return failure(400, "this is no target");
  if (HOST.test(new URL(request.url).host)) return undefined;
  return failure(421, "this is another host");
}
