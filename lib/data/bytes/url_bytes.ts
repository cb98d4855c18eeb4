/** Random access to a file on a server, by ranges. @module */
import { assertInteger, assertOptions, optionsOf, shown } from "@lionjs/base";
import { cachedBytes } from "./cached_bytes.ts";
import { accessTo, type RandomAccess } from "./random_access.ts";
import { request } from "./request.ts";

/** Options of {@linkcode urlBytes}. */
export interface UrlBytesOptions {
  /** The function that fetches; it may add headers. @default `fetch` */
  fetch?: typeof fetch | undefined;
  /**
   * Number of bytes to keep in memory for nearby reads; with 0, each read is a
   * request.
   * @default 4 MiB
   */
  cacheBytes?: number | undefined;
}

const OPTIONS = optionsOf<UrlBytesOptions>()("fetch cacheBytes");

/**
 * Gives random access to a URL, by HTTP range requests.
 *
 * A request that fails in the network, ends early, or is answered with 408, 429
 * or 5xx is retried up to three times, after 0.2, 0.8 and 3.2 seconds, or as
 * `Retry-After` says, but at most 30.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { urlBytes } from "@lionjs/lion/data";
 *
 * const content = new TextEncoder().encode("abcdef");
 * const server = (_: unknown, init?: RequestInit): Promise<Response> => {
 *   const range = new Headers(init?.headers).get("range")!;
 *   const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range)!;
 *   const headers = { "content-range": `bytes ${first}-${last}/6` };
 *   const body = content.slice(Number(first), Number(last) + 1);
 *   return Promise.resolve(new Response(body, { status: 206, headers }));
 * };
 * const bytes = await urlBytes("https://example.com/letters", { fetch: server });
 * assertEquals(bytes.size, 6);
 * assertEquals(new TextDecoder().decode(await bytes.read(2, 3)), "cde");
 * ```
 *
 * @param url The URL, `https:` or `http:`.
 * @param options See {@linkcode UrlBytesOptions}.
 * @returns Random access to the bytes.
 * @throws {TypeError} If `url` is not a URL, or an option is unknown, or of the
 * wrong type.
 * @throws {RangeError} If the URL has another scheme, or an option has an
 * invalid value.
 * @throws {Error} If the server does not answer, answers with an error or
 * ignores the range, or the content changes between two reads.
 */
export async function urlBytes(
  url: string | URL,
  options: UrlBytesOptions = {},
): Promise<RandomAccess> {
  assertOptions("urlBytes", options, OPTIONS);
  const { fetch: fetched = fetch, cacheBytes = 2 ** 22 } = options;
  if (typeof fetched !== "function") {
    throw new TypeError(
      `fetch should be a function such as globalThis.fetch, got ${typeof fetched}`,
    );
  }
  assertInteger("cacheBytes", cacheBytes, 0);
  if (typeof url !== "string" && !(url instanceof URL)) {
    throw new TypeError(
      `urlBytes's url should be a URL, got ${shown(url)}`,
    );
  }
  const name = String(url);
  assertAddress(name);
  const first = await rangeOf(name, fetched, 0, 1);
  const bytes = accessTo(name, first.size, async (start, length) => {
    if (length === 0) return new Uint8Array(0);
    const { body, size, tag } = await rangeOf(name, fetched, start, length);
    if (size === first.size && tag === first.tag) return body;
    throw new Error(`${name} has changed while it was read; read it again`);
  });
  return cachedBytes(bytes, cacheBytes);
}

/** Throws unless a server can be asked for an address; in a page, it may be relative. */
function assertAddress(url: string): void {
  const base = globalThis.location?.href;
  const found = URL.canParse(url, base) ? new URL(url, base).protocol : "";
  if (/^https?:$/.test(found)) return;
  throw new RangeError(
    `url should be that of a server, https: or http:, got ${
      shown(url)
    }; fileBytes() reads a file, and blobBytes() what a page holds`,
  );
}

/** A range of the bytes at an address, with the size and version of all of them. */
interface Range {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly size: number;
  /** The version of the file (its ETag), if the server names it. */
  readonly tag: string | null;
}

async function rangeOf(
  url: string,
  fetched: typeof fetch,
  start: number,
  length: number,
): Promise<Range> {
  const last = start + length - 1;
  // Ranges of a compressed response would count compressed bytes.
  const headers = {
    "range": `bytes=${start}-${last}`,
    "accept-encoding": "identity",
  };
  return await request(url, fetched, headers, async (response) => {
    const tag = response.headers.get("etag");
    const range = response.headers.get("content-range") ?? "";
    const found = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+)$/.exec(range);
    // An empty file has no first byte to answer with.
    if (response.status === 416 && found && Number(found[3]) === 0) {
      await response.body?.cancel();
      return { body: new Uint8Array(0), size: 0, tag };
    }
    if (
      !found || response.status !== 206 || Number(found[1]) !== start ||
      Number(found[2]) > last || !Number.isSafeInteger(Number(found[3]))
    ) {
      await response.body?.cancel();
      throw new Error(
        `${url} should answer to the range of bytes ${start}–${last}, got ${
          response.status === 200
            ? "the whole file: its server ignores ranges"
            : `status ${response.status} and the range "${range}"`
        }; download it, and read the file`,
      );
    }
    const size = Number(found[3]);
    const expected = Math.min(length, size - start);
    // A connection that is cut in the body is one more reason to ask again.
    const buffer = await response.arrayBuffer().catch(() => undefined);
    if (buffer?.byteLength !== expected) return undefined;
    return { body: new Uint8Array(buffer), size, tag };
  });
}
