import { assert, assertEquals, assertRejects } from "@std/assert";
import { readWasmFile, WASM_FILE } from "../../../lib/tfjs/wasm/wasm_file.ts";
import { disposeBackend, useBackend } from "../../../mod.ts";
import { serveLocally } from "../../../tools/server/loopback.ts";
import { withFolder } from "../../io/files.ts";

const PACKAGE = new URL(
  "wasm-out/",
  import.meta.resolve("@tensorflow/tfjs-backend-wasm/package.json"),
);

/** Runs beside a server that answers everything alike. */
async function withServer(
  answer: () => Response,
  run: (url: string) => Promise<void>,
): Promise<void> {
  const server = serveLocally(answer);
  try {
    await run(`http://localhost:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}

Deno.test("wasmPath names the file or its folder, as a path or a URL", async () => {
  const file = new URL(WASM_FILE, PACKAGE);
  const expected = await readWasmFile(PACKAGE.pathname);
  assert(expected.length > 100_000);
  const binary = new Blob([expected]);
  const inMemory = URL.createObjectURL(binary);
  for (
    const path of [
      PACKAGE,
      PACKAGE.href,
      file,
      file.href,
      file.pathname,
      inMemory,
    ]
  ) {
    assertEquals(await readWasmFile("/elsewhere/", path), expected);
  }
  await withServer(() => new Response(binary), async (url) => {
    assertEquals(await readWasmFile("/elsewhere/", `${url}/a/`), expected);
    assertEquals(await readWasmFile(`${url}/b/`), expected);
  });
});

Deno.test("a binary that is not there is an error that says what should lie where", async () => {
  await withFolder(async (folder) => {
    const missing = await assertRejects(
      () => readWasmFile(`${folder}/`),
      Error,
      `${WASM_FILE} should be at ${folder}/${WASM_FILE}, but`,
    );
    assert(missing.message.includes("useBackend({ wasmPath })"));
    assert(missing.cause instanceof Error);
    await Deno.writeTextFile(`${folder}/x.wasm`, "<!doctype html>");
    await assertRejects(
      () => readWasmFile("", `${folder}/x.wasm`),
      Error,
      "what lies there is no WebAssembly binary",
    );
  });
  const notFound = () => new Response("", { status: 404 });
  await withServer(notFound, async (url) => {
    await assertRejects(
      () => readWasmFile(`${url}/`),
      Error,
      `${WASM_FILE} should be at ${url}/${WASM_FILE}, but the server answers 404`,
    );
  });
  const html = () =>
    new Response("<html>", { headers: { "Content-Type": "text/html" } });
  await withServer(html, async (url) => {
    await assertRejects(
      () => readWasmFile(`${url}/`),
      Error,
      `should be at ${url}/${WASM_FILE}, but the server answers with a page of HTML`,
    );
  });
  const unreachable = "http://localhost:1/";
  const { cause } = await assertRejects(
    () => readWasmFile(unreachable),
    Error,
    `should be at ${unreachable}${WASM_FILE}, but`,
  );
  assert(cause instanceof TypeError);
});

Deno.test("useBackend() takes tfjs's binary from wasmPath", async () => {
  await disposeBackend();
  await withFolder(async (folder) => {
    await assertRejects(
      () => useBackend({ prefer: ["wasm"], wasmPath: `${folder}/` }),
      RangeError,
      `wasm: ${WASM_FILE} should be at ${folder}/${WASM_FILE}`,
    );
    await Deno.copyFile(new URL(WASM_FILE, PACKAGE), `${folder}/moved.wasm`);
    const info = await useBackend({
      prefer: ["wasm"],
      wasmPath: `${folder}/moved.wasm`,
    });
    assertEquals(info.name, "wasm");
  });
});
