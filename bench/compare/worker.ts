/**
 * Computes the cases of a revision when asked: `worker.ts BACKEND THREADS
 * LENGTHS`, with the `deno.json` of that revision, by which `@lionjs/lion` is the
 * revision's. Answers as torch_peer.py does.
 *
 * @module
 */
import type { BackendName } from "@lionjs/lion";
import { startBackend } from "../group.ts";
import { lines } from "../peers/peer_process.ts";
import type { Library, OpenOperation } from "../operations.ts";
import { type Case, casesOf } from "./cases.ts";
import type { CaseRequest, Turn } from "./revision.ts";

/** Where symbols may be found; a revision may lack an entry. */
const ENTRIES = ["", "/family", "/operations", "/layers", "/training"];

const [backend, threads, lengths] = Deno.args as [BackendName, string, string];

async function libraryOf(): Promise<Library> {
  const found = {};
  for (const entry of ENTRIES) {
    const name = `@lionjs/lion${entry}`;
    Object.assign(found, await import(name).catch(() => ({})));
  }
  return found as Library;
}

/** Times a turn: a run that does not count, unless it is long, and then others. */
async function takeTurn(
  open: OpenOperation,
  { milliseconds, most, long }: Turn,
): Promise<number[]> {
  const first = await open.time();
  if (first >= long) return [first];
  const times: number[] = [];
  for (let spent = 0; times.length === 0 || spent < milliseconds;) {
    times.push(await open.time());
    spent += times.at(-1)!;
    if (times.length >= most) break;
  }
  return times;
}

async function write(file: string, arrays: Float32Array[]): Promise<number[]> {
  const parts = arrays.map((array) =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  );
  await Deno.writeFile(file, ReadableStream.from(parts));
  return arrays.map(({ length }) => length);
}

const cases: readonly Case[] = casesOf(lengths.split(",").map(Number));
const info = await startBackend(backend, Number(threads));
const library = await libraryOf();
let open: OpenOperation | undefined;

async function answer(request: CaseRequest): Promise<object> {
  if (request.options) {
    open = await cases[request.options.at]!.open(library);
  } else if (request.turn) {
    return { times: await takeTurn(open!, request.turn) };
  } else if (request.outputs) {
    return { sizes: await write(request.outputs, await open!.results()) };
  } else if (request.reference) {
    return { sizes: await write(request.reference, await open!.reference()) };
  } else {
    open?.dispose();
    open = undefined;
  }
  return {};
}

const { adapter } = info;
console.log(JSON.stringify({ version: adapter?.description ?? info.name }));
for await (const line of lines(Deno.stdin.readable)) {
  const reply = await answer(JSON.parse(line))
    .catch((error) => ({ error: `${error.name}: ${error.message}` }));
  console.log(JSON.stringify(reply));
}
// Workers of a backend would keep the process.
Deno.exit(0);
