/** Answers of a hub that are nearly what they should be, and damaged files of a cache. @module */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { hubSnapshot } from "../../lib/hub/mod.ts";
import { withFolder } from "../io/files.ts";
import { type Json, jsonTexts } from "../json_mutants.ts";
import { COMMIT, digestOfFile } from "./hub_server.ts";

const BYTES = new TextEncoder().encode("content");
const SMALL = digestOfFile(BYTES, false), LARGE = digestOfFile(BYTES, true);
const LISTING: Json = [
  { type: "file", path: "config.json", size: 7, oid: SMALL },
  { type: "directory", path: "folder", size: 0, oid: "0".repeat(40) },
  {
    ...{ type: "file", path: "folder/x.bin", size: 7, oid: "0".repeat(40) },
    lfs: { oid: LARGE, size: 7, pointerSize: 130 },
  },
];
const TREE: Json = {
  format_version: 1,
  files: {
    "config.json": { size: 7, blob_id: SMALL },
    "folder/x.bin": {
      ...{ size: 7, blob_id: LARGE, lfs_sha256: LARGE, lfs_size: 7 },
    },
  },
};

/** A hub without a socket, whose files are all the same. */
const hubOf = (revision: string, listing: string): typeof fetch => (url) => {
  const { pathname } = new URL(String(url));
  const text = pathname.includes("/revision/")
    ? revision
    : pathname.includes("/tree/")
    ? listing
    : BYTES;
  return Promise.resolve(new Response(text));
};

/** What no message of ours says. */
const INTERNAL =
  /Cannot (read|convert|set|destructure)|is not (a function|iterable|defined)|reading '/;

/**
 * Loads a snapshot into a cache; what is there must be what was asked for, or the
 * error one that was meant, and nothing be outside.
 */
async function loads(folder: string, fetch: typeof globalThis.fetch) {
  const cache = `${folder}/cache`;
  try {
    const { folder: snapshot, files } = await hubSnapshot("a/b", {
      ...{ cache, endpoint: "https://hub.example", fetch, retries: 0 },
    });
    for (const file of files) {
      assertEquals(await Deno.readFile(`${snapshot}/${file}`), BYTES);
    }
    return true;
  } catch (error) {
    const { name, message, stack } = error as Error;
    assert(
      ["HubError", "TypeError", "RangeError"].includes(name) &&
        !INTERNAL.test(message),
      stack,
    );
    return false;
  } finally {
    const names = await Array.fromAsync(Deno.readDir(folder));
    assert(names.every(({ name }) => name === "cache"));
  }
}

const RIGHT = JSON.stringify({ sha: COMMIT });

Deno.test("a hub's answers are used or refused", () =>
  withFolder(async (folder) => {
    let good = 0;
    const answers = fc.oneof(
      jsonTexts([LISTING]).map((listing) => [RIGHT, listing] as const),
      jsonTexts([{ id: "a/b", sha: COMMIT }]).map((revision) =>
        [revision, JSON.stringify(LISTING)] as const
      ),
    );
    await fc.assert(
      fc.asyncProperty(answers, async ([revision, listing]) => {
        await Deno.remove(`${folder}/cache`, { recursive: true })
          .catch(() => {});
        if (await loads(folder, hubOf(revision, listing))) good++;
      }),
      { numRuns: 300, seed: 1 },
    );
    assert(good > 20 && good < 280, `${good} of 300 were used`);
  }));

Deno.test("a damaged manifest of the cache is made anew, or is no other file's", () =>
  withFolder(async (folder) => {
    const hub = hubOf(RIGHT, JSON.stringify(LISTING));
    assert(await loads(folder, hub));
    const path = `${folder}/cache/models--a--b/trees/${COMMIT}.json`;
    let good = 0;
    await fc.assert(
      fc.asyncProperty(jsonTexts([TREE]), async (text) => {
        await Deno.writeTextFile(path, text);
        if (await loads(folder, hub)) good++;
      }),
      { numRuns: 200, seed: 2 },
    );
    assert(good > 20, `${good} of 200 were used`);
  }));
