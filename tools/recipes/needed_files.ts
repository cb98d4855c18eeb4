/** Files of the user's that a recipe reads: where they are, and where they come from. @module */
import { hubSnapshot } from "@lionjs/lion/hub";

/** Some files of a repository of the Hugging Face hub. */
export interface HubFiles {
  readonly repo: string;
  /** @default "dataset" */
  readonly type?: "dataset" | "model";
  /** Which of its files, by patterns of `hubSnapshot`. */
  readonly include: readonly string[];
}

/** What a recipe reads. */
export interface NeededFiles {
  /** What is looked for in the folder: a line for each way in which it may be there. */
  readonly lookedFor: readonly string[];
  /** How a person gets them: a line for each command. */
  readonly commands: readonly string[];
  /** What `--hub` downloads, by the folders that it makes; none where the hub lacks it. */
  readonly hub?: { readonly data: HubFiles; readonly tokenizer?: HubFiles };
  /**
   * Writes a few examples into a folder, in the files' own format; texts that are
   * short, or as long as the published ones.
   */
  writeFew(folder: string, texts?: "short" | "long"): Promise<void>;
}

/** Where a recipe's files are: one and the same folder, unless the hub has two. */
export interface Folders {
  readonly data: string;
  /** The folder of the tokenizer's file, of recipes on texts. */
  readonly tokenizer: string;
  /** Whether they have a few made-up examples, and are removed in the end. @default false */
  readonly areMadeUp?: boolean;
}

/** What a command line says of them. */
export interface FilesChoice {
  /** The user's folder. */
  readonly data?: string | undefined;
  /** Whether they are downloaded. */
  readonly hub: boolean;
  /** Whether a few examples do, where there is neither, and how long their texts are. */
  readonly few?: "short" | "long" | undefined;
}

/** What a person has to mend before a recipe can be trained; told without a stack. */
export class CannotBegin extends Error {
  /** Says what is wrong, and what to do. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CannotBegin";
  }
}

/** Files that are not there, or are not what a recipe reads. */
export class MissingFiles extends CannotBegin {
  /** Says what is wrong, what is looked for, and how to get it. */
  constructor(
    recipe: string,
    { lookedFor, commands, hub }: NeededFiles,
    wrong: string,
    options?: ErrorOptions,
  ) {
    const listed = (lines: readonly string[]) =>
      lines.map((line) => `  ${line}`).join("\n");
    super(
      `${wrong}

${recipe} looks in the folder for
${listed(lookedFor)}

Files come from
${listed(commands)}

  deno task train ${recipe} --data FOLDER${
        hub ? `\n  deno task train ${recipe} --hub` : ""
      }
  deno task train ${recipe} --smoke   (a few made-up examples)`,
      options,
    );
    this.name = "MissingFiles";
  }
}

/** Folders that are there until they are disposed of. */
export interface FoundFiles extends AsyncDisposable {
  readonly folders: Folders;
}

/**
 * Finds a recipe's files, downloads them, or writes a few examples, which are
 * removed in the end.
 *
 * @throws {MissingFiles} If there are none, or the hub does not have them.
 */
export async function findFiles(
  recipe: string,
  files: NeededFiles,
  { data, hub, few }: FilesChoice,
): Promise<FoundFiles> {
  const missing = (wrong: string, options?: ErrorOptions) =>
    new MissingFiles(recipe, files, wrong, options);
  if (data !== undefined) {
    const isFolder = await Deno.stat(data).then(
      ({ isDirectory }) => isDirectory,
      () => false,
    );
    if (isFolder) return kept({ data, tokenizer: data });
    throw missing(`--data should be a folder, got ${data}`);
  }
  if (hub) {
    if (!files.hub) throw missing(`the hub does not have what ${recipe} reads`);
    return await downloaded(files.hub).catch((cause: Error) => {
      throw missing(cause.message, { cause });
    });
  }
  if (few) return await fewFiles(files, few);
  throw missing(`${recipe} reads your files, and got no --data`);
}

function kept(folders: Folders): FoundFiles {
  return { folders, [Symbol.asyncDispose]: () => Promise.resolve() };
}

async function downloaded(
  { data, tokenizer }: NonNullable<NeededFiles["hub"]>,
): Promise<FoundFiles> {
  const folder = await download(data);
  const other = tokenizer ? await download(tokenizer) : folder;
  return kept({ data: folder, tokenizer: other });
}

async function download(
  { repo, type = "dataset", include }: HubFiles,
): Promise<string> {
  console.log(`downloading ${include.join(", ")} of ${repo}`);
  return (await hubSnapshot(repo, { type, include })).folder;
}

async function fewFiles(
  { writeFew }: NeededFiles,
  texts: "short" | "long",
): Promise<FoundFiles> {
  const folder = await Deno.makeTempDir({ prefix: "lion-few-" });
  const remove = () => Deno.remove(folder, { recursive: true });
  try {
    await writeFew(folder, texts);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    folders: { data: folder, tokenizer: folder, areMadeUp: true },
    [Symbol.asyncDispose]: remove,
  };
}
