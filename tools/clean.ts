/** Removes what tasks have made: `deno task clean`. @module */
import { readCommandLine } from "./command_line.ts";
import { MADE, OUT } from "./out_folder.ts";

/** What takes hours to make. */
const TRAINED: readonly string[] = ["train", "models"];

const USAGE = `Usage: deno task clean [options]

Removes what other tasks left in out/:

${
  Object.entries(MADE)
    .filter(([name]) => !TRAINED.includes(name))
    .map(([name, maker]) => `  ${name.padEnd(20)}${maker}`)
    .join("\n")
}

Everything else in out/ stays. So do out/train and out/models, with the trained
models, unless you pass --trained.

  --trained   also remove out/train and out/models: models, checkpoints and logs
  --help      print this`;

/**
 * Removes what tasks have made in a folder, and the folder if it is empty then.
 *
 * @returns The names of what was removed, and of what is left.
 */
export async function clean(
  folder: URL,
  { trained }: { trained: boolean },
): Promise<{ removed: string[]; left: string[] }> {
  const removed: string[] = [], left: string[] = [];
  for (const name of await namesIn(folder)) {
    const isMade = Object.hasOwn(MADE, name) &&
      (trained || !TRAINED.includes(name));
    if (isMade) await Deno.remove(new URL(name, folder), { recursive: true });
    (isMade ? removed : left).push(name);
  }
  if (removed.length > 0 && left.length === 0) await Deno.remove(folder);
  return { removed, left };
}

async function namesIn(folder: URL): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    return entries.map(({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

if (import.meta.main) {
  const options = await readCommandLine(
    USAGE,
    { trained: { type: "boolean", default: false } },
    (options) => options,
  );
  const { removed, left } = await clean(OUT, options);
  for (const name of removed) console.log(`removed out/${name}`);
  for (const name of left) console.log(`left out/${name}`);
}
