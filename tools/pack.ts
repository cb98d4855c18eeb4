/**
 * Makes a package for npm, `out/lion.tgz` or what `--output` names: that of
 * `deno pack`, with the versions of deno.json exactly, without what few functions
 * use, and with the packages of this repository that it imports.
 *
 * @module
 */
import { OPTIONAL_PACKAGES } from "../lib/base/optional_package.ts";
import config from "../deno.json" with { type: "json" };
import { MODELS, PACKAGES } from "./check_rooms.ts";
import { oneOf, readCommandLine, wrapped } from "./command_line.ts";
import { assertOutput, outPath, writeOutput } from "./out_folder.ts";

const ROOT = new URL("..", import.meta.url);

/** The packages by the ends of their names: the root, and folders of `lib` and `models`. */
export const NAMES: readonly string[] = [
  "lion",
  ...Object.keys(PACKAGES),
  ...MODELS,
];

const USAGE = `Usage: deno task pack [PACKAGE] [options]

Makes a package for npm, with the packages of this repository that it imports.

  PACKAGE         ${wrapped(NAMES, 18)}
                  (default: lion)
  --output FILE   where to write it (default: ${outPath("lion.tgz")})
  --help          print this`;

/** The part of package.json that `deno pack` gets wrong for us. */
interface Manifest {
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional: true }>;
  bundleDependencies?: readonly string[];
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
  const names = Object.keys(manifest.dependencies ?? {});
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

/** Unpacks what `deno pack` makes of a package; returns the right package.json. */
async function unpackInto(folder: string, name: string): Promise<Manifest> {
  await Deno.mkdir(folder, { recursive: true });
  const tarball = `${folder}/package.tgz`;
  const args = ["pack", "--quiet", "--allow-dirty", "--output", tarball];
  const parent = MODELS.includes(name) ? "models" : "lib";
  const root = name === "lion" ? ROOT : new URL(`${parent}/${name}`, ROOT);
  await run(Deno.execPath(), args, root);
  await run("tar", ["-xzf", tarball, "--strip-components=1"], folder);
  await Deno.remove(tarball);
  const manifest = await Deno.readTextFile(`${folder}/package.json`);
  return corrected(JSON.parse(manifest));
}

const writeManifest = (folder: string, manifest: Manifest) =>
  Deno.writeTextFile(
    `${folder}/package.json`,
    `${JSON.stringify(manifest, null, 2)}\n`,
  );

/**
 * Packs a package, and in it those of this repository that it imports, since no
 * registry has them yet; `output` is written when it is whole.
 *
 * @param name One of {@linkcode NAMES}.
 */
export async function pack(output: string, name = "lion"): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "pack_" });
  const root = `${folder}/package`;
  try {
    const manifest = await unpackInto(root, name);
    const isOfModel = MODELS.includes(name);
    const imported = isOfModel ? [] : PACKAGES[name] ?? Object.keys(PACKAGES);
    // npm installs nothing that only a package within the tarball asks for.
    const dependencies: Record<string, string> = { ...manifest.dependencies };
    for (const other of imported) {
      const beside = `${root}/node_modules/@lionjs/${other}`;
      const bundled = await unpackInto(beside, other);
      await writeManifest(beside, bundled);
      Object.assign(dependencies, bundled.dependencies);
      dependencies[`@lionjs/${other}`] = config.version;
      // The root's tarball has the files of other packages in their folders too.
      if (name === "lion") {
        await Deno.remove(`${root}/lib/${other}`, { recursive: true });
      }
    }
    const bundleDependencies = imported.map((other) => `@lionjs/${other}`);
    const peers = isOfModel
      // Users of a model have the library, and have it once.
      ? {
        peerDependencies: { "@lionjs/lion": `^${config.version}` },
        peerDependenciesMeta: {},
      }
      : {};
    await writeManifest(root, {
      ...manifest,
      dependencies,
      bundleDependencies,
      ...peers,
    });
    const tarball = `${folder}/package.tgz`;
    await run("tar", ["-czf", tarball, "package"], folder);
    await writeOutput(output, (await Deno.open(tarball)).readable);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const { output, name } = await readCommandLine(
    USAGE,
    { output: { type: "string", default: outPath("lion.tgz") } },
    async ({ output }, [name = "lion", ...others]) => {
      if (others.length > 0) {
        throw new RangeError(`unexpected argument "${others[0]}"`);
      }
      await assertOutput("--output", output);
      return { output, name: oneOf("PACKAGE", name, NAMES) };
    },
  );
  await pack(output, name);
  console.log(`npm install ${output}`);
}
