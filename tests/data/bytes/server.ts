/** A server without a socket, which has faults when asked for them. @module */

/** What is wrong with an answer. */
export type Fault =
  | undefined
  | "down"
  | "busy"
  | "cut"
  | "short"
  | "ignores"
  | "missing"
  | "elsewhere"
  | "changed";

/**
 * A server of some bytes that answers to ranges.
 *
 * @param content The bytes.
 * @param faults What is wrong with the first answers.
 */
export function serverOf(
  content: Uint8Array<ArrayBuffer>,
  faults: readonly Fault[] = [],
): { fetch: typeof fetch; requests(): number } {
  let requests = 0;
  const answer = (range: string | null): Response => {
    const fault = faults[requests++];
    if (fault === "down") throw new TypeError("connection refused");
    if (fault === "busy") return new Response("later", { status: 503 });
    if (fault === "missing") return new Response("none", { status: 404 });
    if (fault === "ignores" || !range) return new Response(content);
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range)!.map(Number);
    if (first! >= content.length) {
      const headers = { "content-range": `bytes */${content.length}` };
      return new Response(null, { status: 416, headers });
    }
    const body = content.slice(first, last! + 1);
    const shown = fault === "elsewhere" ? first! + 1 : first!;
    const headers = {
      "content-range": `bytes ${shown}-${
        first! + body.length - 1
      }/${content.length}`,
      "etag": fault === "changed" ? '"2"' : '"1"',
    };
    if (fault === "short") {
      return new Response(body.slice(1), { status: 206, headers });
    }
    const cut = new ReadableStream({
      pull: (controller) => controller.error(new TypeError("cut")),
    });
    return new Response(fault === "cut" ? cut : body, { status: 206, headers });
  };
  return {
    requests: () => requests,
    // deno-lint-ignore require-await -- what fetch throws is a rejection
    fetch: async (_, init) => answer(new Headers(init?.headers).get("range")),
  };
}
