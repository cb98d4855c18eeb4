import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  blobBytes,
  fileBytes,
  memoryBytes,
  type RandomAccess,
  urlBytes,
} from "../../../lib/data/mod.ts";
import { withFolder } from "../../io/files.ts";
import { bytesOf } from "../../../lib/data/bytes/bytes_of.ts";
import { retryAfter } from "../../../lib/data/bytes/request.ts";
import { type Fault, serverOf } from "./server.ts";

const CONTENT = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251);
const URL_ = "https://example.com/content";

/** Every kind of access to the same bytes. */
async function everyKind(
  content: Uint8Array<ArrayBuffer>,
  folder: string,
): Promise<Record<string, RandomAccess>> {
  const path = `${folder}/content`;
  await Deno.writeFile(path, content);
  const { fetch } = serverOf(content);
  return {
    memory: memoryBytes(content, "memory"),
    blob: blobBytes(new Blob([content]), "blob"),
    file: await fileBytes(path),
    "a file's URL": await fileBytes(new URL(`file://${path}`)),
    url: await urlBytes(URL_, { fetch }),
    "url without a cache": await urlBytes(URL_, { fetch, cacheBytes: 0 }),
  };
}

Deno.test("every RandomAccess reads any range, and no other", () =>
  withFolder(async (folder) => {
    const all = await everyKind(CONTENT, folder);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(all)),
        fc.nat(CONTENT.length),
        fc.nat(CONTENT.length),
        async (kind, a, b) => {
          const [start, end] = [Math.min(a, b), Math.max(a, b)];
          assertEquals(
            await all[kind]!.read(start, end - start),
            CONTENT.slice(start, end),
          );
        },
      ),
      { numRuns: 100 },
    );
    for (const access of Object.values(all)) {
      assertEquals(access.size, CONTENT.length);
      for (
        const [start, length] of [[0, 300_001], [-1, 1], [0.5, 1], [1, -1]]
      ) {
        await assertRejects(
          () => access.read(start!, length!),
          RangeError,
          `${access.name} has 300000 bytes, got a read of ${length} from`,
        );
      }
    }
    for (
      const access of Object.values(await everyKind(new Uint8Array(0), folder))
    ) {
      assertEquals([access.size, (await access.read(0, 0)).length], [0, 0]);
    }
  }));

Deno.test("urlBytes() keeps blocks that were read", async () => {
  const server = serverOf(CONTENT);
  const bytes = await urlBytes(URL_, { fetch: server.fetch });
  for (let at = 0; at < 100_000; at += 512) await bytes.read(at, 512);
  assertEquals(server.requests(), 2);
});

Deno.test("urlBytes() asks again where that may help", async () => {
  for (const fault of ["down", "busy", "cut", "short"] as Fault[]) {
    const server = serverOf(CONTENT, [undefined, fault]);
    const bytes = await urlBytes(URL_, {
      fetch: server.fetch,
      cacheBytes: 0,
    });
    assertEquals(await bytes.read(5, 10), CONTENT.slice(5, 15));
    assertEquals(server.requests(), 3, fault);
  }
});

Deno.test("Retry-After is a number of seconds or a date", () => {
  const at = (seconds: number) =>
    new Date(1000 * Math.ceil(Date.now() / 1000 + seconds)).toUTCString();
  const asked = (text: string) =>
    retryAfter(new Headers({ "retry-after": text }));
  assertEquals([asked("7"), asked("0")], [7, 0]);
  assertEquals([29, 30, 31].includes(asked(at(29.5))!), true);
  const others = [asked(at(-60)), asked("soon"), asked("-1"), asked("")];
  assertEquals(
    [...others, retryAfter(new Headers())],
    Array(5).fill(undefined),
  );
});

Deno.test("urlBytes() names the address and what is wrong with it", async () => {
  for (
    const [faults, message] of [
      [["ignores"], "the whole file: its server ignores ranges; download it"],
      [["missing"], "cannot be read: its server answers with status 404"],
      [
        ["elsewhere"],
        "should answer to the range of bytes 0–0, got status 206",
      ],
      [[undefined, "changed"], "has changed while it was read"],
    ] as [Fault[], string][]
  ) {
    const { fetch } = serverOf(CONTENT, faults);
    const failure = await assertRejects(
      async () => await (await urlBytes(URL_, { fetch })).read(0, 1),
      Error,
      message,
    );
    assertEquals(failure.message.startsWith(URL_), true);
  }
});

Deno.test("random access names what is not bytes", () =>
  withFolder(async (folder) => {
    await assertRejects(() => fileBytes(folder), TypeError, "should be a file");
    await assertRejects(() => fileBytes(`${folder}/none`), Error, "none");
    const bytes = await fileBytes(await fileOf(folder, 10));
    await fileOf(folder, 5);
    await assertRejects(() => bytes.read(3, 7), RangeError, "become shorter");
    const wrong = "text" as unknown;
    assertThrows(() => memoryBytes(wrong as Uint8Array), TypeError, "bytes");
    assertThrows(() => blobBytes(wrong as Blob), TypeError, "blob");
    for (
      const url of [
        `${folder}/file`,
        `file://${folder}/file`,
        "ftp://x",
        "data:,x",
        "",
      ]
    ) {
      await assertRejects(
        () => urlBytes(url),
        RangeError,
        "fileBytes() reads a file",
      );
    }
  }));

Deno.test("bytesOf() takes paths, URLs and random access", () =>
  withFolder(async (folder) => {
    const path = await fileOf(folder, 10);
    const url = `file://${path}`;
    for (const source of [path, url, new URL(url)]) {
      assertEquals((await bytesOf(source)).name, path);
    }
    const memory = memoryBytes(CONTENT);
    assertEquals(await bytesOf(memory), memory);
    for (const wrong of [null, 3, {}] as unknown[]) {
      await assertRejects(
        () => bytesOf(wrong as RandomAccess),
        TypeError,
        "a source of bytes should be a path, a URL, or a RandomAccess",
      );
    }
  }));

async function fileOf(folder: string, length: number): Promise<string> {
  await Deno.writeFile(`${folder}/file`, new Uint8Array(length));
  return `${folder}/file`;
}
