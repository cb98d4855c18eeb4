/**
 * Attacks a server of files with requests that no client would send: as bytes,
 * so that nothing puts them right on the way.
 *
 * @module
 */
import type { LocalServer } from "../../tools/server/loopback.ts";
import { serveSite } from "../../tools/site/serve.ts";
import { uniform } from "../random.ts";

/** What is in files beside the served folder, which nobody may get. */
const SECRET = "kept beside the folder";

/** What is in all files of the served folder. */
const SHOWN = "shown to everyone";

/** A request as it is sent, and what must come of it. */
export interface AttackRequest {
  readonly method: string;
  readonly target: string;
  /** As lines have it, such as "Host: localhost"; without `Connection`. */
  readonly headers: readonly string[];
}

/** An answer; `status` is 0 where the server hung up without one. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

/** Serves a folder at some port of 127.0.0.1. */
export type StartServer = (folder: URL) => LocalServer;

const SITE: StartServer = (folder) =>
  serveSite(folder, { port: 0, isIsolated: true });

/** Served files, files beside them, and the links that lead from the former to the latter. */
const FILES = ["index.html", "page.html", "sub/index.html", "sub/a b.txt"];
const SECRETS = ["secret.txt", "site_too/secret.txt"];
const LINKS = {
  "link.txt": "../secret.txt",
  "sub/link.txt": "../../secret.txt",
  "beside": "../site_too",
  "within.html": "page.html",
  "circle": "circle",
};

/** Serves a folder, with secrets beside it, at a port. */
export async function withAttacked<T>(
  start: StartServer,
  use: (port: number, folder: URL) => Promise<T>,
): Promise<T> {
  const outer = await Deno.makeTempDir({ prefix: "lion-" });
  try {
    for (const name of ["site/sub", "site_too"]) {
      await Deno.mkdir(`${outer}/${name}`, { recursive: true });
    }
    for (const name of FILES) {
      await Deno.writeTextFile(`${outer}/site/${name}`, SHOWN);
    }
    for (const name of SECRETS) {
      await Deno.writeTextFile(`${outer}/${name}`, SECRET);
    }
    for (const [name, target] of Object.entries(LINKS)) {
      await Deno.symlink(target, `${outer}/site/${name}`);
    }
    const folder = new URL(`file://${outer}/site/`);
    const server = start(folder);
    try {
      return await use(server.addr.port, folder);
    } finally {
      await server.shutdown();
    }
  } finally {
    await Deno.remove(outer, { recursive: true });
  }
}

/** Milliseconds after which a connection is given up. */
const PATIENCE = 20_000;

/** Sends a request as it is; returns what comes until the server hangs up. */
export async function ask(
  port: number,
  { method, target, headers }: AttackRequest,
): Promise<RawAnswer> {
  const lines = [`${method} ${target} HTTP/1.1`, ...headers];
  const text = [...lines, "Connection: close", "", ""].join("\r\n");
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const bytes: Uint8Array[] = [];
  const timer = setTimeout(() => connection.close(), PATIENCE);
  try {
    // It may hang up while it is told more than it wants to hear.
    await writeAll(connection, new TextEncoder().encode(text));
    for await (const part of connection.readable) bytes.push(part);
  } catch {
    // What came before counts.
  } finally {
    clearTimeout(timer);
  }
  const answer = await new Blob(bytes as BlobPart[]).text();
  const [head = "", ...rest] = answer.split("\r\n\r\n");
  return {
    status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0),
    headers: head.split("\r\n").slice(1).join("\n").toLowerCase(),
    body: rest.join("\r\n\r\n"),
  };
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array) {
  for (let at = 0; at < bytes.length;) {
    at += await connection.write(bytes.subarray(at));
  }
}

/** Targets are put together of these. */
const PIECES = [
  ...["/", "/", "/", "//", "%2f", "%2F", "\\", "%5c", "%5C", "%252f", "%c0%af"],
  ...["..", "..", ".", "%2e%2e", ".%2e", "%252e%252e", "..;", "%uff0e%uff0e"],
  ...["%00", "%ff", "%", "%zz", "%0d%0a", "%e2%80%a8", "~", ":", "C:"],
  ...[
    "?",
    "#",
    "@",
    "*",
    "site",
    "site_too",
    "etc/hostname",
    "proc/self/environ",
  ],
  ...["secret.txt", "link.txt", "beside", "circle", "within.html", "page.html"],
  ...["index.html", "sub", "sub/", "a%20b.txt", "file:", "a".repeat(300)],
];

/** How deep the served folder may lie. */
const DEEPEST = 12;

const METHODS = ["GET", "GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE"]
  .concat(["TRACE", "OPTIONS", "CONNECT", "PATCH", "FOO", "get"]);

const OWN_HOSTS = ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:65535"];

const FOREIGN_HOSTS = [
  ...["evil.example", "localhost.evil.example", "evil.example:8000", "0.0.0.0"],
  ...["localhost@evil.example", "localhost:8000@evil.example", "127.0.0.1.nip"],
  ...["localhost, evil.example", "localhost:port", "2130706433", "", "[::]"],
];

/** A request of a seed; the same for the same seed. */
function attackOf(seed: number): AttackRequest {
  const random = uniform(seed);
  const oneOf = <T>(items: readonly T[]) =>
    items[Math.floor(random() * items.length)]!;
  const count = Math.floor(random() * 10);
  const pieces = Array.from({ length: count }, () => oneOf(PIECES)).join("");
  const climb = oneOf(["../", "..%2f", "%2e%2e%2f", "..\\", "..%5c", "..%252f"])
    .repeat(Math.floor(random() * DEEPEST));
  const path = `/${oneOf(["", "", "sub/", "beside/"])}${
    oneOf([pieces, pieces, `${climb}${pieces}`, `${climb}secret.txt`])
  }`;
  const host = random() < 0.7 ? oneOf(OWN_HOSTS) : oneOf(FOREIGN_HOSTS);
  const named = random() < 0.7 ? oneOf(OWN_HOSTS) : oneOf(FOREIGN_HOSTS);
  return {
    method: oneOf(METHODS),
    target: random() < 0.8 ? path : `http://${named}${path}`,
    headers: [
      ...random() < 0.95 ? [`Host: ${host}`] : [],
      ...random() < 0.05 ? [`Host: ${oneOf(FOREIGN_HOSTS)}`] : [],
      ...random() < 0.02 ? [`X-Large: ${"x".repeat(200_000)}`] : [],
    ],
  };
}

/** Whether a host, as URLs have it, is this machine. */
function isOwn(host: string): boolean {
  return ["localhost", "127.0.0.1", "[::1]"].includes(
    host.replace(/:\d+$/, ""),
  );
}

/** What is wrong with an answer; nothing if it is as it should be. */
function wrongWith(
  request: AttackRequest,
  { status, headers, body }: RawAnswer,
): string | undefined {
  const { method, target } = request;
  const all = `${headers}\n${body}`;
  if (all.includes(SECRET)) return "a file from beside the folder came back";
  if (/^\s+at |\.ts:\d/m.test(all)) return "a stack came back";
  // Hung up without an answer: so it may with what is no HTTP, or too large.
  if (status === 0) return undefined;
  if (status >= 500) return `it failed, with ${status}`;
  const isRefused = status >= 400;
  const hosts = request.headers.flatMap((line) =>
    /^host: (.*)$/i.exec(line)?.slice(1) ?? []
  );
  if (!isRefused && !(hosts.length === 1 && OWN_HOSTS.includes(hosts[0]!))) {
    return `${status} for another host`;
  }
  // 2130706433 is 127.0.0.1, too.
  const named = target.startsWith("http://")
    ? URL.parse(target)?.host ?? ""
    : undefined;
  if (!isRefused && named !== undefined && !isOwn(named)) {
    return `${status} for another host in the target`;
  }
  if (!isRefused && method !== "GET" && method !== "HEAD") {
    return `${status} for ${method}`;
  }
  if (status === 405 && !/^allow: get, head$/m.test(headers)) {
    return "405 without Allow";
  }
  if (method === "HEAD" && body !== "") return "HEAD with a body";
  if (status === 200 && method === "GET" && body !== SHOWN) {
    return "200 with what is no file of the folder";
  }
  if (status > 200 && status < 400) {
    const [, location = ""] = /^location: (.*)$/m.exec(headers) ?? [];
    const base = "http://localhost/";
    const to = new URL(location, new URL(target, base));
    if (!OWN_HOSTS.includes(to.host)) return `it sends to ${to}`;
  }
  return undefined;
}

/**
 * Sends the site's server requests of the seeds from `seed` on, and looks for what must not come
 * back, and for stacks in the console.
 *
 * @returns The first that failed, with its seed and why; nothing if none did.
 */
export async function attackServer(
  seed: number,
  count: number,
): Promise<string | undefined> {
  return await withAttacked(SITE, async (port) => {
    for (let at = seed; at < seed + count; at++) {
      const request = attackOf(at);
      const { wrong } = await watched(port, request);
      if (wrong) return `seed ${at}: ${wrong}: ${JSON.stringify(request)}`;
    }
    const { status, body } = await ask(port, {
      ...{ method: "GET", target: "/page.html" },
      headers: [`Host: ${OWN_HOSTS[0]}`],
    });
    return status === 200 && body === SHOWN
      ? undefined
      : `seeds ${seed} to ${seed + count - 1}: after them the server is gone`;
  });
}

/** Sends a request, and hears what the console says of it meanwhile. */
export async function watched(
  port: number,
  request: AttackRequest,
): Promise<{ answer: RawAnswer; wrong: string | undefined }> {
  const said: string[] = [];
  const { error } = console;
  console.error = (...parts: unknown[]) => said.push(Deno.inspect(parts));
  try {
    const answer = await ask(port, request);
    const wrong = wrongWith(request, answer) ??
      (said.some((line) => /^\s+at /m.test(line))
        ? "a stack in the console"
        : undefined);
    return { answer, wrong };
  } finally {
    console.error = error;
  }
}
