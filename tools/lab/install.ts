/** Where JupyterLab and Chromium are. @module */
import { fileURLToPath } from "node:url";
import { findPython } from "../notebooks/jupyter.ts";
import { outFolder } from "../out_folder.ts";

/** How to start JupyterLab. */
export interface Lab {
  readonly python: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Finds JupyterLab; on Debian, unpacks it where git does not look. Installing
 * Debian's package would need Debian's Node.js and webpack, with which it is
 * built, but not run.
 */
export async function findLab(): Promise<Lab | undefined> {
  const installed = await findPython("jupyterlab");
  if (installed) return { python: installed, args: [], env: {} };
  const python = await findPython("jupyterlab_server, notebook_shim");
  if (!python) return undefined;
  const folder = fileURLToPath(outFolder("jupyterlab"));
  const packages = `${folder}usr/lib/python3/dist-packages`;
  if (!await exists(packages) && !await unpack(folder)) return undefined;
  return {
    python,
    args: [`--LabApp.app_dir=${folder}usr/share/jupyter/lab`],
    env: { PYTHONPATH: packages },
  };
}

async function unpack(folder: string): Promise<boolean> {
  await Deno.mkdir(folder, { recursive: true });
  return await succeeds("apt-get", ["download", "jupyterlab"], folder) &&
    await succeeds("sh", ["-c", "dpkg -x jupyterlab_*.deb ."], folder);
}

/** The path of Chromium or Chrome. */
export async function findChromium(): Promise<string | undefined> {
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    const path = `/usr/bin/${name}`;
    if (await exists(path)) return path;
  }
  return undefined;
}

/**
 * The path of what tells Vulkan's loader of SwiftShader, a driver that computes on
 * the CPU and comes with Chromium or Chrome.
 */
export async function findSwiftShader(): Promise<string | undefined> {
  const folders = [
    ...["/usr/lib/chromium", "/usr/lib/chromium-browser"],
    "/opt/google/chrome",
  ];
  for (const folder of folders) {
    const path = `${folder}/vk_swiftshader_icd.json`;
    if (await exists(path)) return path;
  }
  return undefined;
}

async function succeeds(
  command: string,
  args: string[],
  cwd: string,
): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args, cwd }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
