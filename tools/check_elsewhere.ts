/**
 * Checks the types of all entries under the compiler options of another project, which
 * apply to the library's files too, where a project links to a clone.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import config from "../deno.json" with { type: "json" };

/** Options by which other code is checked than by ours: looser ones, and one more. */
export const OTHER_OPTIONS = {
  lib: ["esnext", "dom", "dom.iterable", "dom.asynciterable", "deno.ns"],
  strict: false,
  noImplicitAny: false,
  noPropertyAccessFromIndexSignature: true,
} as const;

if (import.meta.main) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const { name, version, exports, imports } = config;
  const folder = await Deno.makeTempDir();
  try {
    // A link leads to a folder beside the project alone.
    await Deno.symlink(root, `${folder}/clone`);
    await Deno.mkdir(`${folder}/project`);
    const project = {
      links: ["../clone"],
      imports: {
        [name]: `jsr:${name}@^${version}`,
        "@tensorflow/tfjs-core": imports["@tensorflow/tfjs-core"],
        "@tensorflow/tfjs-layers": imports["@tensorflow/tfjs-layers"],
      },
      compilerOptions: OTHER_OPTIONS,
    };
    await Deno.writeTextFile(
      `${folder}/project/deno.json`,
      JSON.stringify(project),
    );
    const lines = Object.keys(exports)
      .map((entry) => `import "${name}${entry.slice(1)}";`);
    await Deno.writeTextFile(`${folder}/project/main.ts`, lines.join("\n"));
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "main.ts"],
      cwd: `${folder}/project`,
    }).spawn().status;
    Deno.exitCode = code;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
