/**
 * Opens the notebooks in JupyterLab with this Deno as their kernel: `deno task
 * lab`. Arguments go to JupyterLab.
 *
 * @module
 */
import { kernelEnvironment } from "../notebooks/jupyter.ts";
import { NOTEBOOKS } from "../notebooks/notebook.ts";
import { findLab } from "./install.ts";

const lab = await findLab();
if (!lab) {
  console.error("there is no JupyterLab here: pip install jupyterlab");
  Deno.exit(1);
}
// Ctrl-C is for JupyterLab, which asks whether it is meant.
Deno.addSignalListener("SIGINT", () => {});
const { code } = await new Deno.Command(lab.python, {
  args: ["-m", "jupyterlab", "--allow-root", ...lab.args, ...Deno.args],
  cwd: NOTEBOOKS,
  env: { ...lab.env, ...await kernelEnvironment() },
}).spawn().status;
Deno.exit(code);
