/** A package of a person's own classifier: `deno task models new NAME --from FOLDER`. @module */
import { classNames } from "@lionjs/lion";
import { fromPretrained, savePretrained } from "@lionjs/lion/hub";
import { shown } from "@lionjs/base";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import config from "../../deno.json" with { type: "json" };

/** What a package is made of. */
export interface NewPackage {
  /** Its name on npm, such as `my-fruit` or `@me/fruit`. */
  readonly name: string;
  /** What `savePretrained` has written. */
  readonly from: string;
  /** An empty folder, or one that is not there yet. */
  readonly output: string;
  /** What the model does, and where its data are from, for the first lines of the README. */
  readonly about?: string | undefined;
}

/** The names that npm takes. */
const NAME = /^(?:@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*$/;

/** What a package needs to know of its model. */
interface Made {
  readonly name: string;
  readonly about: string;
  readonly input: "texts" | "pictures";
  readonly classes: readonly string[];
  readonly parameters: number;
  /** The model's files, by name. */
  readonly files: readonly string[];
  readonly bytes: number;
}

/**
 * Writes the package: int8 weights, a program for Deno, Node.js, pages and bundlers with
 * its types, and a README.
 *
 * @throws {RangeError} If the name is none of npm's, the folder has files, or the model
 * is no classifier of texts or pictures whose classes have names.
 */
export async function newPackage(
  { name, from, output, about }: NewPackage,
): Promise<void> {
  if (!NAME.test(name)) {
    throw new RangeError(
      `NAME should be a name on npm such as my-fruit or @me/fruit, got ${
        shown(name)
      }`,
    );
  }
  await assertEmpty(output);
  const found = await fromPretrained(from);
  try {
    const classes = classNames(found.model);
    if (!classes) {
      throw new RangeError(
        `--from should be a classifier whose classes have names, got ${from}, which has none; call setClassNames before savePretrained`,
      );
    }
    const input = inputOf(found.model);
    if (input === "texts" && !found.tokenizer) {
      throw new RangeError(
        `--from should have the tokenizer of its texts, got ${from}, which has none; give it to savePretrained, too`,
      );
    }
    await savePretrained(output, { ...found, weights: "int8" });
    const files: string[] = [];
    let bytes = 0;
    for await (const { name } of Deno.readDir(output)) {
      files.push(name);
      bytes += (await Deno.stat(`${output}/${name}`)).size;
    }
    const made: Made = {
      ...{ name, classes, input, bytes },
      files: files.sort(),
      parameters: found.model.countParams(),
      about: about ?? "Say here what it is for, what it was trained on, " +
          "under which licence its data may be used, and what it gets wrong.",
    };
    const texts = {
      "package.json": manifestOf(made),
      "mod.js": programOf(made),
      "mod.d.ts": typesOf(made),
      "README.md": readmeOf(made),
    };
    for (const [file, text] of Object.entries(texts)) {
      await Deno.writeTextFile(`${output}/${file}`, text);
    }
  } finally {
    found.model.dispose();
  }
}

async function assertEmpty(output: string): Promise<void> {
  await Deno.mkdir(output, { recursive: true });
  for await (const { name } of Deno.readDir(output)) {
    throw new RangeError(
      `--output should be an empty folder, got ${output}, which has ${name}`,
    );
  }
}

/** What a classifier reads: rows of tokens, or pictures. */
function inputOf({ inputs, name }: LayersModel): Made["input"] {
  const [first] = inputs;
  if (first!.shape.length === 4) return "pictures";
  if (first!.dtype === "int32") return "texts";
  throw new RangeError(
    `--from should be a classifier of texts or pictures, got ${name}, which reads ${
      first!.dtype
    } of the shape ${shown(first!.shape)}`,
  );
}

function manifestOf({ name, files }: Made): string {
  const range = `^${config.version}`;
  return `${
    JSON.stringify(
      {
        ...{ name, version: "0.1.0", type: "module", license: "UNLICENSED" },
        exports: { ".": { types: "./mod.d.ts", default: "./mod.js" } },
        files: ["mod.js", "mod.d.ts", ...files],
        peerDependencies: { [config.name]: range },
      },
      null,
      2,
    )
  }\n`;
}

/** Each address is written out, since bundlers move what is named like this. */
function programOf({ files, input }: Made): string {
  return `// @ts-self-types="./mod.d.ts"
import { classify as classesOf, useBackend } from "${config.name}";
import { fromPretrained } from "${config.name}/hub";
import * as tf from "@tensorflow/tfjs-core";

const modelPackage = {
  url: new URL("./", import.meta.url),
  task: "classify",
  files: {
${
    files.map((file) => `    "${file}": new URL("./${file}", import.meta.url),`)
      .join("\n")
  }
  },
};
export default modelPackage;

let loading;

async function load() {
  if (!tf.engine().backendName) await useBackend();
  return await fromPretrained(modelPackage);
}

/** The likeliest classes of ${input}, the likeliest first. */
export async function classify(inputs, options) {
  loading ??= load().catch((error) => {
    loading = undefined;
    throw error;
  });
  return await classesOf(await loading, inputs, options);
}
`;
}

function typesOf({ input, classes }: Made): string {
  const one = input === "texts" ? "string" : "Uint8Array | Blob";
  return `import type { classify as classesOf } from "${config.name}";
import type { ModelPackage } from "${config.name}/hub";

/** What the model tells apart. */
export type ClassName =
${classes.map((name) => `  | ${JSON.stringify(name)}`).join("\n")};

/** The number of classes, and how inputs are read. */
export type Options = Parameters<typeof classesOf>[2];

/** A class with its probability. */
export interface Found {
  readonly label: ClassName;
  readonly probability: number;
}

/** The likeliest classes of ${input}, the likeliest first. The model is loaded once. */
export function classify(
  input: ${one},
  options?: Options,
): Promise<Found[]>;
export function classify(
  inputs: readonly (${one})[],
  options?: Options,
): Promise<Found[][]>;

/** The package, for \`fromPretrained\`. */
declare const modelPackage: ModelPackage;
export default modelPackage;
`;
}

function readmeOf(
  { name, about, input, classes, parameters, bytes }: Made,
): string {
  const example = input === "texts"
    ? `"A text."`
    : `await Deno.readFile("picture.jpg")`;
  return `# ${name}

${about}

\`\`\`ts
import { classify } from "${name}";

const [best] = await classify(${example});
console.log(best.label, best.probability);
\`\`\`

It tells ${input} apart: ${classes.join(", ")}. It has ${
    parameters.toLocaleString("en")
  } parameters in ${(bytes / 1e6).toFixed(2)} MB, and needs \`${config.name}\`.
`;
}
