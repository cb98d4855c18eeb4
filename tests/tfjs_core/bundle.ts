/**
 * tfjs-core's tests and a backend in one program. They have to share one
 * instance of tfjs-core, and its tests, which it ships, import its ES modules
 * by paths without extensions, which only a bundler follows.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const PACKAGE = "@tensorflow/tfjs-core/dist";

/** What Deno has itself, and the tests' framework, which starts before them. */
const EXTERNAL = [
  "jasmine-core",
  "jasmine-core/lib/jasmine-core/jasmine.js",
  ..."crypto fs node-fetch os path util worker_threads".split(" "),
];

/** The repository, where deno.json is. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** Whose backend the tests run on. */
export type Owner = "ours" | "stock";

/**
 * Bundles the tests.
 *
 * @param owner Names the module, beside this one, that starts a backend.
 * @param folder Where to put the program.
 * @returns The program's path.
 */
export async function bundleSuite(
  owner: Owner,
  folder: string,
): Promise<string> {
  const list = await Deno.readTextFile(
    new URL(import.meta.resolve(`${PACKAGE}/tests.js`)),
  );
  const names = [...list.matchAll(/^import '\.\/(.*)';$/gm)]
    .map(([, name]) => name!);
  if (names.length === 0) throw new Error(`${PACKAGE}/tests.js lists no tests`);
  const beside = (name: string) =>
    JSON.stringify(new URL(`${name}.ts`, import.meta.url).href);
  // The package says that its tests have no side effects, so that a bundler
  // keeps those only whose exports are used.
  const source = [
    `import ${beside(owner)};`,
    `import { runSuite } from ${beside("suite")};`,
    ...names.map((name, i) =>
      `import * as test${i} from ${JSON.stringify(`${PACKAGE}/${name}.js`)};`
    ),
    `globalThis.tests = [${names.map((_, i) => `test${i}`)}];`,
    "await runSuite();",
  ];
  const entry = `${folder}/${owner}_entry.js`,
    program = `${folder}/${owner}.js`;
  await Deno.writeTextFile(entry, source.join("\n"));
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      `--config=${ROOT}deno.json`,
      // Takes ES modules where packages have both.
      "--platform=browser",
      ...EXTERNAL.map((name) => `--external=${name}`),
      `--output=${program}`,
      entry,
    ],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return program;
}
