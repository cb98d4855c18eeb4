/** A hub on loopback, which answers as Hugging Face's does, and fails as asked. @module */
import { createHash } from "node:crypto";
import { type LocalServer, serveLocally } from "../../tools/server/loopback.ts";

/** The commit of every revision. */
export const COMMIT = "a".repeat(40);

/** The revisions that there are. */
const REVISIONS = ["main", COMMIT, "refs/pr/1", "v1.0"];

/** What the hub does wrong from now on. */
export interface Faults {
  /** Answers 503 to everything. */
  down?: boolean;
  /** Changes a byte of large files. */
  corrupt?: boolean;
  /** Numbers of bytes after which the next bodies of large files end. */
  cuts?: number[];
  /** Sends large files whole, whatever range is asked. */
  ignoresRanges?: boolean;
  /** What the next requests are answered with, instead. */
  instead?: (() => Response)[];
  /** What is listed besides the files. */
  lists?: unknown[];
  /** How often the address of a large file is no longer valid. */
  expired?: number;
  /** Sends nothing of large files, and does not end either. */
  stalls?: boolean;
  /** Where the second page of the listing is said to be. */
  nextPage?: string;
  /** Milliseconds before each piece of a large file. */
  slow?: number;
}

/** A hub that runs. */
export interface Hub {
  /** The endpoint. */
  readonly url: string;
  /** The requests: host, method, path, range and token. */
  readonly log: string[];
  faults: Faults;
  stop(): Promise<void>;
}

interface Stored {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly digest: string;
  readonly isLarge: boolean;
}

/** The digest by which the hub names a file. */
export function digestOfFile(bytes: Uint8Array, isLarge: boolean): string {
  return isLarge
    ? createHash("sha256").update(bytes).digest("hex")
    : createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes)
      .digest("hex");
}

/**
 * Starts a hub with a model `org/tiny`, and `org/gated`, for which one needs a
 * token.
 *
 * @param files The model's files; those that end with `.safetensors` are large
 * ones, which another host holds.
 */
export function startHub(
  files: Readonly<Record<string, string | Uint8Array<ArrayBuffer>>>,
): Hub {
  const stored = new Map<string, Stored>(
    Object.entries(files).map(([path, content]) => {
      const bytes = typeof content === "string"
        ? new TextEncoder().encode(content)
        : content;
      const isLarge = path.endsWith(".safetensors");
      return [path, { bytes, isLarge, digest: digestOfFile(bytes, isLarge) }];
    }),
  );
  const log: string[] = [];
  const hub = { log, faults: {} as Faults };
  const note = (host: string, request: Request) => {
    const { pathname, search } = new URL(request.url);
    const range = request.headers.get("range") ?? "whole";
    const token = request.headers.get("authorization") ?? "no token";
    log.push(
      [host, request.method, pathname + search, range, token].join(" "),
    );
  };
  const methods = ["GET", "HEAD", "POST", "OPTIONS"];
  const elsewhere = serveForPages((request) => {
    note("elsewhere", request);
    if (hub.faults.expired) {
      hub.faults.expired--;
      return new Response("expired", { status: 403 });
    }
    const digest = new URL(request.url).pathname.slice(1);
    const file = [...stored.values()].find((file) => file.digest === digest);
    return file
      ? bodyOf(file, request, hub.faults)
      : new Response("none", { status: 404 });
  }, methods);
  const store = `http://localhost:${elsewhere.addr.port}`;
  const server = serveForPages(
    async (request) => {
      note("hub", request);
      if (hub.faults.down) return new Response("down", { status: 503 });
      const instead = hub.faults.instead?.shift();
      return instead?.() ?? await answer(request, stored, store, hub.faults);
    },
    methods,
  );
  return Object.assign(hub, {
    url: `http://127.0.0.1:${server.addr.port}`,
    async stop() {
      await server.shutdown();
      await elsewhere.shutdown();
    },
  });
}

/** Serves pages of other hosts, too, as the hub does. */
function serveForPages(
  answer: (request: Request) => Response | Promise<Response>,
  methods: readonly string[],
): LocalServer {
  return serveLocally(async (request) => {
    const { headers, body, status } = request.method === "OPTIONS"
      ? new Response()
      : await answer(request);
    const shown = new Headers(headers);
    shown.set("access-control-allow-origin", "*");
    shown.set(
      "access-control-allow-headers",
      "authorization, content-type, range",
    );
    shown.set(
      "access-control-expose-headers",
      "x-error-code, link, content-range",
    );
    return new Response(body, { status, headers: shown });
  }, { methods });
}

function failure(status: number, code: string): Response {
  return Response.json({ error: code }, {
    status,
    headers: { "x-error-code": code },
  });
}

async function answer(
  request: Request,
  files: ReadonlyMap<string, Stored>,
  store: string,
  faults: Faults,
): Promise<Response> {
  const url = new URL(request.url);
  const path = decodeURIComponent(url.pathname);
  if (path.includes("org/gated")) {
    return request.headers.has("authorization")
      ? failure(404, "RepoNotFound")
      : failure(401, "GatedRepo");
  }
  const asked =
    /^(?:\/api\/models)?\/org\/tiny\/(resolve|tree|paths-info|revision)\/(refs\/pr\/\d+|[^/]+)(?:\/(.+))?$/
      .exec(path);
  if (!asked) return failure(404, "RepoNotFound");
  const [, what, revision, name = ""] = asked;
  if (!REVISIONS.includes(revision!)) return failure(404, "RevisionNotFound");
  switch (what) {
    case "revision":
      return Response.json({ id: "org/tiny", sha: COMMIT });
    case "tree":
      return page(
        [
          ...[...files].map(entryOf),
          { type: "directory", path: "folder", oid: "0".repeat(40), size: 0 },
          ...faults.lists ?? [],
        ],
        url,
        faults,
      );
    case "paths-info": {
      const { paths } = await request.json();
      const found = [...files].filter(([path]) => paths.includes(path));
      return Response.json([...found.map(entryOf), ...faults.lists ?? []]);
    }
  }
  const file = files.get(name);
  if (!file) return failure(404, "EntryNotFound");
  if (!file.isLarge) return bodyOf(file, request, {});
  return new Response(null, {
    status: 302,
    headers: { location: `${store}/${file.digest}` },
  });
}

function entryOf([path, { bytes, digest, isLarge }]: [string, Stored]) {
  const { length: size } = bytes;
  return isLarge
    ? {
      ...{ type: "file", path, size, oid: "0".repeat(40) },
      lfs: { oid: digest, size, pointerSize: 130 },
    }
    : { type: "file", path, size, oid: digest };
}

/** A page of two entries, which says where the next one is. */
function page(
  entries: readonly unknown[],
  url: URL,
  { nextPage }: Faults,
): Response {
  const at = Number(url.searchParams.get("cursor") ?? 0);
  const headers = new Headers();
  if (at + 2 < entries.length) {
    const next = new URL(url);
    next.searchParams.set("cursor", String(at + 2));
    headers.set("link", `<${nextPage ?? next.href}>; rel="next"`);
  }
  return Response.json(entries.slice(at, at + 2), { headers });
}

function bodyOf(
  { bytes }: Stored,
  request: Request,
  faults: Faults,
): Response {
  const range = /bytes=(\d+)-(\d*)/.exec(request.headers.get("range") ?? "");
  const headers = new Headers();
  let part = bytes, status = 200;
  if (range && !faults.ignoresRanges) {
    const from = Number(range[1]);
    const last = Math.min(Number(range[2] || Infinity), bytes.length - 1);
    if (from > last) return new Response(null, { status: 416 });
    part = bytes.slice(from, last + 1);
    status = 206;
    headers.set("content-range", `bytes ${from}-${last}/${bytes.length}`);
  }
  if (faults.corrupt && part.length > 0) {
    part = part.slice();
    part[0]! ^= 255;
  }
  headers.set("content-length", String(part.length));
  if (faults.stalls) part = part.slice(0, 1);
  const cut = faults.cuts?.shift();
  if (cut === undefined && !faults.stalls && !faults.slow) {
    return new Response(part, { status, headers });
  }
  let sent = 0;
  const size = cut ?? part.length;
  const step = faults.slow ? 64 : size;
  const pieces = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (faults.slow) await new Promise((go) => setTimeout(go, faults.slow));
      if (faults.stalls && sent > 0) return await new Promise(() => {});
      const piece = part.slice(sent, Math.min(sent + step, size));
      sent += piece.length;
      if (piece.length > 0) return controller.enqueue(piece);
      if (cut === undefined) controller.close();
      // What was sent should arrive first.
      else setTimeout(() => controller.error(new Error("cut")), 20);
    },
  });
  return new Response(pieces, { status, headers });
}
