/** Serves a folder on this machine alone. @module */
import { fileURLToPath } from "node:url";
import { type LocalServer, serveLocally } from "../server/loopback.ts";
import { fileAnswer } from "../server/static_files.ts";
import { ISOLATION, POLICY } from "./build.ts";

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
): LocalServer {
  const path = fileURLToPath(folder);
  const headers = { ...POLICY, ...isIsolated ? ISOLATION : {} };
  return serveLocally(
    ({ url }) => fileAnswer(path, new URL(url).pathname, headers),
    { port },
  );
}
