/** Serves a folder on this machine alone. @module */
import { ISOLATION } from "./build.ts";

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  png: "image/png",
  svg: "image/svg+xml",
  wasm: "application/wasm",
};

/** Options of {@linkcode serveSite}. */
export interface ServeOptions {
  /** 0 for any that is free. */
  readonly port: number;
  /** Whether to send the headers with which a page has threads. */
  readonly isIsolated: boolean;
}

/** Serves a folder under localhost. */
export function serveSite(
  folder: URL,
  { port, isIsolated }: ServeOptions,
): Deno.HttpServer<Deno.NetAddr> {
  const options = { port, hostname: "localhost", onListen() {} };
  return Deno.serve(options, async (request) => {
    const { pathname } = new URL(request.url);
    const path = pathname.endsWith("/") ? `${pathname}index.html` : pathname;
    const file = new URL(`.${path}`, folder);
    try {
      const bytes = await Deno.readFile(file);
      const type = TYPES[path.split(".").at(-1)!] ?? "application/octet-stream";
      return new Response(bytes, {
        headers: { ...(isIsolated ? ISOLATION : {}), "content-type": type },
      });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return new Response("not found", { status: 404 });
    }
  });
}
