/**
 * Opens the notebooks in JupyterLab with this Deno as their kernel: `deno task
 * lab`.
 *
 * @module
 */
import { readCommandLine, splitAtDashes } from "../command_line.ts";
import { kernelEnvironment } from "../notebooks/jupyter.ts";
import { NOTEBOOKS } from "../notebooks/notebook.ts";
import { JUPYTER_LAB, setUp } from "../requirements.ts";
import { findLab } from "./install.ts";

const USAGE = `Usage: deno task lab [-- JupyterLab's own arguments]

Opens the notebooks in JupyterLab, with this Deno as their kernel. If there is no
JupyterLab, unpacks it into out/jupyterlab (as root on Debian).

  --help   print this`;

const [own, ofLab] = splitAtDashes(Deno.args);
await readCommandLine(USAGE, {}, () => {}, own);
if (!await setUp([JUPYTER_LAB])) Deno.exit(1);
const lab = await findLab();
if (!lab) {
  console.error("there is no JupyterLab here: pip install jupyterlab");
  Deno.exit(1);
}
// Ctrl-C is for JupyterLab, which asks whether it is meant.
Deno.addSignalListener("SIGINT", () => {});
const { code } = await new Deno.Command(lab.python, {
  args: ["-m", "jupyterlab", "--allow-root", ...lab.args, ...ofLab],
  cwd: NOTEBOOKS,
  env: { ...lab.env, ...await kernelEnvironment() },
}).spawn().status;
Deno.exit(code);
