/** A JupyterLab of its own. @module */
import {
  folderEnvironment,
  kernelEnvironment,
} from "../../tools/notebooks/jupyter.ts";
import type { Lab } from "../../tools/lab/install.ts";

/** A JupyterLab that runs. */
export interface LabServer extends AsyncDisposable {
  /** The address of a notebook in its folder. */
  urlOf(notebook: string): string;
}

/**
 * Starts JupyterLab in a folder, at a free port and with a new memory of what
 * it trusts.
 */
export async function startLab(
  { python, args, env }: Lab,
  folder: string,
): Promise<LabServer> {
  const token = crypto.randomUUID();
  const port = freePort();
  const data = await Deno.makeTempDir({ prefix: "lion-" });
  const server = new Deno.Command(python, {
    args: [
      "-m",
      "jupyterlab",
      "--no-browser",
      "--allow-root",
      // Whatever the settings of who runs this say.
      "--ServerApp.ip=127.0.0.1",
      `--port=${port}`,
      "--ServerApp.port_retries=0",
      `--ServerApp.root_dir=${folder}`,
      ...args,
    ],
    env: {
      ...env,
      ...await kernelEnvironment(),
      ...folderEnvironment(data),
      JUPYTER_TOKEN: token,
    },
    stdout: "null",
    stderr: "null",
  }).spawn();
  const root = `http://localhost:${port}`;
  const lab: LabServer = {
    urlOf: (notebook) => `${root}/lab/tree/${notebook}?reset&token=${token}`,
    async [Symbol.asyncDispose]() {
      server.kill("SIGTERM");
      // It stops its kernels first, and one that never answers would hold it for ever.
      const ending = setTimeout(() => server.kill("SIGKILL"), 20_000);
      await server.status;
      clearTimeout(ending);
      await Deno.remove(data, { recursive: true });
    },
  };
  try {
    await waitFor(`${root}/api`);
  } catch (error) {
    await lab[Symbol.asyncDispose]();
    throw error;
  }
  return lab;
}

/**
 * A free port below those that systems give to outgoing connections, one of which
 * could take it before the server does.
 */
function freePort(): number {
  for (;;) {
    const port = 20_000 + Math.floor(10_000 * Math.random());
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/** Waits until something answers. */
async function waitFor(url: string): Promise<void> {
  const end = performance.now() + 60_000;
  while (performance.now() < end) {
    try {
      await (await fetch(url)).body?.cancel();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  throw new Error(`${url} should answer within a minute`);
}
