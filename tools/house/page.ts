/** What a page loads that computes one attention on WebAssembly. @module */
import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);

const PAGE = `
import { fixedDecay, lionAttention, useBackend } from "@lionjs/lion/attention";
import * as tf from "@tensorflow/tfjs-core";
await useBackend({ prefer: ["wasm"] });
const x = tf.randomNormal([1, 2, 100, 16]);
const decay = fixedDecay(tf.log([0.9, 0.5]));
console.log(await lionAttention(x, x, x, { decay }).data());
`;

/** Modules that are loaded on demand, and not for WebAssembly with relaxed instructions. */
const NOT_LOADED =
  /^(gpu_backend|captured_launches|webgpu|update|webgpu_kernels|strict)-/;

/**
 * The bytes of the modules that the page loads, minified and compressed by gzip, without
 * TensorFlow.js's own WebAssembly file.
 *
 * @throws {Error} If Deno cannot bundle the page.
 */
export async function pageBytes(): Promise<number> {
  const folder = await Deno.makeTempDir({
    dir: fileURLToPath(ROOT),
    prefix: ".page_",
  });
  try {
    await Deno.writeTextFile(`${folder}/page.ts`, PAGE);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["bundle", "--quiet", "--platform", "browser", "--minify"],
        ...[
          "--code-splitting",
          "--outdir",
          `${folder}/out`,
          `${folder}/page.ts`,
        ],
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return await loadedBytes(`${folder}/out`, "page.js");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The bytes of a module and of all that it loads. */
async function loadedBytes(folder: string, entry: string): Promise<number> {
  const loaded = new Map<string, number>();
  const load = async (name: string) => {
    if (loaded.has(name)) return;
    const text = await Deno.readTextFile(`${folder}/${name}`);
    loaded.set(name, gzipSync(text, { level: 9 }).length);
    for (const [, now] of text.matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)) {
      await load(now!);
    }
    for (const [, later] of text.matchAll(/import\("\.\/([^"]+)"\)/g)) {
      if (!NOT_LOADED.test(later!)) await load(later!);
    }
  };
  await load(entry);
  return [...loaded.values()].reduce((sum, bytes) => sum + bytes);
}
