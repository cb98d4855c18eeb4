/** The package for npm, in a project's folder. @module */
import { pack } from "../../tools/pack.ts";
import { succeed, writeFiles } from "./shell.ts";

/** Makes a package, and installs it and others into a folder. */
export async function installInto(
  folder: string,
  others: readonly string[],
  name = "lion",
): Promise<void> {
  await pack(`${folder}/${name}.tgz`, name);
  await writeFiles(folder, { "package.json": '{ "type": "module" }' });
  await npmInstall(folder, [`./${name}.tgz`, ...others]);
}

/** Installs packages into a folder. */
export async function npmInstall(
  folder: string,
  packages: readonly string[],
): Promise<void> {
  const options = ["--no-audit", "--no-fund", "--save-exact"];
  await succeed("npm", ["install", ...options, ...packages], folder);
}
