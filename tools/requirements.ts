/** What the system has to have, and how it gets it. @module */
import { findChromium, findLab, findSwiftShader } from "./lab/install.ts";
import { findPython } from "./notebooks/jupyter.ts";

/** Something that the tests use and that npm does not carry. */
export interface Requirement {
  readonly name: string;
  /** What is lost without it. */
  readonly why: string;
  /** Debian's packages. */
  readonly packages: readonly string[];
  readonly isMet: () => Promise<boolean>;
}

/** What `deno task test` uses. */
export const REQUIREMENTS: readonly Requirement[] = [
  {
    name: "a WebGPU adapter",
    why: "the tests on WebGPU run on a GPU or on Mesa's software adapter",
    packages: ["libvulkan1", "mesa-vulkan-drivers"],
    isMet: async () => {
      // On Linux wgpu would fall back to OpenGL, with a third of the bindings.
      const isLinux = Deno.build.os === "linux";
      const { success } = await run(
        Deno.execPath(),
        [
          "eval",
          "Deno.exit(await navigator.gpu?.requestAdapter() ? 0 : 1)",
        ],
        isLinux ? { DENO_WEBGPU_BACKEND: "vulkan" } : {},
      );
      return success;
    },
  },
  {
    name: "Jupyter",
    why: "the notebooks are run in it",
    packages: ["python3-nbclient"],
    isMet: async () => await findPython("nbclient") !== undefined,
  },
  {
    name: "Pillow and NumPy",
    why: "pictures and archives are compared with what Python makes of them",
    packages: ["python3-pil", "python3-numpy", "python3-zstandard"],
    isMet: async () =>
      await findPython("PIL") !== undefined &&
      await findPython("numpy") !== undefined &&
      await findPython("zstandard") !== undefined,
  },
  {
    name: "Fashion-MNIST",
    why: "recipes train on it",
    packages: ["dataset-fashion-mnist"],
    isMet: async () => {
      try {
        return (await Deno.stat("/usr/share/datasets/fashion-mnist"))
          .isDirectory;
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return false;
        throw error;
      }
    },
  },
];

/** What `deno task lab` uses. */
export const JUPYTER_LAB: Requirement = {
  name: "JupyterLab, or what Debian's is made of,",
  why: "the notebooks are opened in it",
  packages: [
    "python3-async-lru",
    "python3-jupyterlab-server",
    "python3-notebook-shim",
  ],
  isMet: async () => await findLab() !== undefined,
};

/** What `deno task test:all` uses too: 170 MB, which `deno task test` does without. */
export const TORCH: Requirement = {
  name: "PyTorch",
  why: "tests and benchmarks compare with it",
  packages: ["python3-torch", "libopenblas0-pthread"],
  isMet: async () => await findPython("torch") !== undefined,
};

/** What `deno task test:platforms` uses, and `lab-test` beside JupyterLab. */
export const CHROMIUM: Requirement = {
  name: "Chromium",
  why: "the tests open pages in it",
  packages: ["chromium"],
  isMet: async () => await findChromium() !== undefined,
};

/** What `deno task test:dawn` uses. */
export const SWIFT_SHADER: Requirement = {
  name: "SwiftShader, a part of Chromium,",
  why: "Dawn computes on it",
  packages: ["libvulkan1", "chromium"],
  isMet: async () => await findSwiftShader() !== undefined,
};

/** What `deno task mpi-test` uses. */
export const MPI: Requirement = {
  name: "MPICH or Open MPI",
  why: "ranks are tested under the `mpirun` of both",
  packages: ["mpich", "openmpi-bin"],
  isMet: async () =>
    await runs("mpirun.mpich", ["--version"]) &&
    await runs("mpirun.openmpi", ["--version"]),
};

/** Whether a command is there, and ends well. */
export async function runs(
  command: string,
  args: readonly string[],
): Promise<boolean> {
  return (await run(command, args)).success;
}

async function run(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ success: boolean; output: string }> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(command, {
      args: [...args],
      env,
    }).output();
    const text = new TextDecoder();
    return { success, output: text.decode(stdout) + text.decode(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return { success: false, output: `${command} is not installed` };
    }
    throw error;
  }
}

async function install(packages: readonly string[]): Promise<boolean> {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const steps = [
    ["update"],
    ["install", "--yes", "--no-install-recommends", ...packages],
  ];
  for (const args of steps) {
    console.log(`setup: apt-get ${args.join(" ")}`);
    const { success, output } = await run("apt-get", args, env);
    if (success) continue;
    console.error(output.trimEnd());
    return false;
  }
  return true;
}

/**
 * Finds what is missing and, as root on Debian or Ubuntu, installs it; elsewhere
 * prints the command to type.
 *
 * @returns Whether no installation failed.
 */
export async function setUp(
  requirements: readonly Requirement[],
): Promise<boolean> {
  const missing: Requirement[] = [];
  for (const requirement of requirements) {
    if (!await requirement.isMet()) missing.push(requirement);
  }
  for (const { name, why, packages } of missing) {
    console.log(
      `setup: ${name} is missing (${why}): packages ${packages.join(", ")}`,
    );
  }
  if (missing.length === 0) return true;
  const packages = missing.flatMap((requirement) => requirement.packages);
  const hasApt = (await run("apt-get", ["--version"])).success;
  const isRoot = Deno.build.os === "linux" && Deno.uid() === 0;
  if (hasApt && isRoot) return await install(packages);
  console.log(
    hasApt
      ? `setup: please run: sudo apt-get update && sudo apt-get ` +
        `install --no-install-recommends ${packages.join(" ")}`
      : "setup: please install these, or what your system calls them; until " +
        "then the tests that need them are skipped",
  );
  return true;
}
