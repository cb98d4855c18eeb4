import { assert, assertEquals, assertRejects } from "@std/assert";
import { gzipSync } from "node:zlib";
import { lineStream, textLines } from "../../../lib/data/mod.ts";

/** Runs with a server of some bytes in the place of the network. */
async function withServer(
  answer: () => Response,
  run: () => Promise<void>,
): Promise<void> {
  const { fetch } = globalThis;
  globalThis.fetch = () => Promise.resolve(answer());
  try {
    await run();
  } finally {
    globalThis.fetch = fetch;
  }
}

/** A body that comes in parts, and may be cut. */
function body(
  bytes: Uint8Array<ArrayBuffer>,
  { part, cut }: { part: number; cut?: number },
): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= (cut ?? Infinity)) controller.error(new TypeError("cut"));
      else if (at >= bytes.length) controller.close();
      else controller.enqueue(bytes.slice(at, at += part));
    },
  });
}

const TEXT = Array.from({ length: 20_000 }, (_, i) => `line ${i * i}`);
const PACKED = new Uint8Array(gzipSync(TEXT.join("\n")));
const URL_ = "https://example.com/lines.txt.gz";

Deno.test("what is at an address is read in order, by a server without ranges", async () => {
  for (const part of [100, 7000, 1e6]) {
    await withServer(
      () => new Response(body(PACKED, { part })),
      async () => assertEquals(await textLines(URL_), TEXT),
    );
  }
});

Deno.test("an address that is cut is an error with its name, after the same lines", async () => {
  const read = async (part: number) => {
    const lines: string[] = [];
    await withServer(
      () => new Response(body(PACKED, { part, cut: 40_000 })),
      () =>
        assertRejects(
          async () => {
            // It may be whole another time, so that it cannot be passed over.
            const onBad = { skip: true } as const;
            const stream = lineStream(URL_, { parse: "text", onBad });
            for await (const line of stream.open(0)) lines.push(line);
          },
          Error,
          `${URL_} should be whole, got a part: cut`,
        ).then(() => {}),
    );
    return lines;
  };
  const lines = await read(1000);
  assertEquals(lines, TEXT.slice(0, lines.length));
  assert(PACKED.length > 40_000);
  await withServer(
    () => new Response("none", { status: 404 }),
    async () => {
      await assertRejects(
        () => textLines(URL_),
        Error,
        `${URL_} cannot be read: its server answers with status 404`,
      );
    },
  );
});
