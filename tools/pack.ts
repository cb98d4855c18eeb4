/**
 * Makes a package for npm, `out/lion.tgz` or what `--output` names: that of
 * `deno pack`, with the versions of deno.json exactly, and without what few
 * functions use.
 *
 * @module
 */
import { OPTIONAL_PACKAGES } from "../lib/base/optional_package.ts";
import config from "../deno.json" with { type: "json" };
import { readCommandLine } from "./command_line.ts";
import { assertOutput, outPath, writeOutput } from "./out_folder.ts";

const ROOT = new URL("..", import.meta.url);

const USAGE = `Usage: deno task pack [options]

Makes a package for npm.

  --output FILE   where to write it (default: ${outPath("lion.tgz")})
  --help          print this`;

/** The part of package.json that `deno pack` gets wrong for us. */
interface Manifest {
  dependencies: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional: true }>;
  engines?: Record<string, string>;
}

/** The version of a package in deno.json, where it is one and not a range. */
function pinned(name: string): string {
  const specifier = (config.imports as Record<string, string>)[name];
  const version = specifier?.slice(`npm:${name}@`.length);
  if (
    specifier?.startsWith(`npm:${name}@`) && /^\d+(\.\d+){2}$/.test(version!)
  ) {
    return version!;
  }
  throw new RangeError(
    `deno.json's "${name}" should be an exact version from npm, got ${specifier}`,
  );
}

/** package.json with exact versions, and optional packages as such. */
function corrected<T extends Manifest>(manifest: T): T {
  const names = Object.keys(manifest.dependencies);
  const isOptional = (name: string) => Object.hasOwn(OPTIONAL_PACKAGES, name);
  const versions = (of: readonly string[]) =>
    Object.fromEntries(of.map((name) => [name, pinned(name)]));
  const optional = Object.keys(OPTIONAL_PACKAGES);
  return {
    ...manifest,
    engines: { node: ">=20.16" },
    dependencies: versions(names.filter((name) => !isOptional(name))),
    peerDependencies: versions(optional),
    peerDependenciesMeta: Object.fromEntries(
      optional.map((name) => [name, { optional: true }]),
    ),
  };
}

async function run(command: string, args: string[], cwd: URL | string) {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
  }).output();
  if (success) return;
  const text = new TextDecoder();
  throw new Error(
    `${command} ${args.join(" ")} failed:\n${text.decode(stdout)}${
      text.decode(stderr)
    }`,
  );
}

/** Packs the library; `output` is written when it is whole. */
export async function pack(output: string): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "pack_" });
  try {
    const tarball = `${folder}/lion.tgz`;
    const args = ["pack", "--quiet", "--allow-dirty", "--output", tarball];
    await run(Deno.execPath(), args, ROOT);
    await run("tar", ["-xzf", tarball], folder);
    const file = `${folder}/package/package.json`;
    const manifest = corrected(JSON.parse(await Deno.readTextFile(file)));
    await Deno.writeTextFile(file, `${JSON.stringify(manifest, null, 2)}\n`);
    await run("tar", ["-czf", tarball, "package"], folder);
    await writeOutput(output, (await Deno.open(tarball)).readable);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const output = await readCommandLine(
    USAGE,
    { output: { type: "string", default: outPath("lion.tgz") } },
    async ({ output }) => {
      await assertOutput("--output", output);
      return output;
    },
  );
  await pack(output);
  console.log(`npm install ${output}`);
}
