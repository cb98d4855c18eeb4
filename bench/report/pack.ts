/**
 * Packs what a machine without a network needs to make the report: this Deno,
 * the modules, npm's packages and a script that runs it.
 *
 * @module
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { writeOutput } from "../../tools/out_folder.ts";

const ROOT = new URL("../../", import.meta.url);

/** The folder in the archive. */
const FOLDER = "lion-report";

/** What runs there; the last one, which gets ONNX Runtime from npm, says why it does not. */
const PROGRAMS = [
  "bench/main.ts",
  "tools/fast.ts",
  "bench/peers/onnx_process.ts",
];

/** What the programs import only when they need it. */
const LOADED_LATER = ["plotly.js-dist-min", "@jax-js/jax"];

/** Files that no module imports: those of PyTorch, which may be there. */
const FILES = ["LICENSE", "bench/peers"];

/** Of the machine's libraries, the loader of Vulkan, which drivers come without. */
const LOADER = "libvulkan.so.1";

/** A module as `deno info --json` tells it. */
interface Module {
  readonly local?: string;
  readonly dependencies?: readonly { readonly specifier: string }[];
}

/**
 * Writes an archive for machines of this kind. Packages are fetched from npm.
 *
 * @param output Where to; a `.tar.gz`.
 */
export async function packReport(output: string): Promise<void> {
  const temporary = await Deno.makeTempDir({ prefix: "lion-pack-" });
  const folder = `${temporary}/${FOLDER}`;
  try {
    await Deno.mkdir(folder);
    const modules = await modulesOf(PROGRAMS);
    const root = fileURLToPath(ROOT);
    const own = modules.flatMap(({ local }) =>
      local?.startsWith(root) ? [local.slice(root.length)] : []
    );
    for (const path of new Set([...own, ...FILES])) {
      await copy(`${root}${path}`, `${folder}/${path}`);
    }
    // Only what is used, or Deno would look for all of it.
    const used = new Set(
      modules.flatMap(({ dependencies = [] }) =>
        dependencies.map(({ specifier }) => packageOf(specifier))
      ),
    );
    const imports = Object.entries(config.imports).filter(([name]) =>
      used.has(name) || LOADED_LATER.includes(name)
    );
    const { name, version, exports, compilerOptions, workspace } = config;
    for (const member of workspace) {
      const file = `${member}/deno.json`;
      await copy(fileURLToPath(new URL(file, ROOT)), `${folder}/${file}`);
    }
    await Deno.writeTextFile(
      `${folder}/deno.json`,
      JSON.stringify({
        ...{ name, version, exports, compilerOptions, workspace },
        imports: Object.fromEntries(imports),
      }),
    );
    const cache = `${folder}/cache`;
    const later = imports.filter(([name]) => LOADED_LATER.includes(name))
      .map(([, specifier]) => specifier);
    const args = ["cache", "--quiet", "--no-lock", ...PROGRAMS, ...later];
    await run(Deno.execPath(), args, folder, { DENO_DIR: cache });
    await prune(cache);
    await Deno.copyFile(Deno.execPath(), `${folder}/deno`);
    await Deno.chmod(`${folder}/deno`, 0o755);
    const script = new URL("run.sh", import.meta.url);
    await Deno.copyFile(script, `${folder}/run.sh`);
    await Deno.chmod(`${folder}/run.sh`, 0o755);
    await copyLoader(folder);
    const help = ["--backend", "cpu", "--help"];
    await run(`${folder}/run.sh`, help, temporary);
    const packed = `${temporary}/packed.tar.gz`;
    await run("tar", ["-czf", packed, FOLDER], temporary);
    await writeOutput(output, (await Deno.open(packed)).readable);
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
}

/** All modules that programs import. */
async function modulesOf(programs: readonly string[]): Promise<Module[]> {
  const found: Module[] = [];
  for (const program of programs) {
    const args = ["info", "--json", program];
    const { modules } = JSON.parse(await run(Deno.execPath(), args, ROOT));
    found.push(...modules);
  }
  return found;
}

/** Of "@scope/name/file" and "name/file". */
function packageOf(specifier: string): string {
  const parts = specifier.split("/");
  return parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

/** Copies a file, or a folder with all that is in it. */
async function copy(from: string, to: string): Promise<void> {
  if ((await Deno.stat(from)).isDirectory) {
    for await (const { name } of Deno.readDir(from)) {
      await copy(`${from}/${name}`, `${to}/${name}`);
    }
    return;
  }
  await Deno.mkdir(dirname(to), { recursive: true });
  await Deno.copyFile(from, to);
}

/** Removes what only people read, and what Deno makes anew on each machine. */
async function prune(folder: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (/\.map$|^gen$|_cache_v\d+/.test(name)) {
      await Deno.remove(path, { recursive: true });
    } else if (isDirectory) await prune(path);
  }
}

/** The loader, if this machine has one. */
async function copyLoader(folder: string): Promise<void> {
  if (Deno.build.os !== "linux") return;
  const list = await run("ldconfig", ["-p"], folder).catch(() => "");
  const found = list.split("\n").find((line) => line.includes(LOADER));
  const path = found?.split("=> ")[1];
  if (path) await copy(path, `${folder}/lib/${LOADER}`);
}

/** Runs a program; what it prints. */
async function run(
  command: string,
  args: readonly string[],
  cwd: URL | string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    ...{ args: [...args], cwd, env },
  }).output();
  const text = new TextDecoder();
  if (success) return text.decode(stdout);
  throw new Error(
    `${command} ${args.join(" ")} failed:\n${text.decode(stderr)}`,
  );
}
