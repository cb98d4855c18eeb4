/** Settings of the hub in environment variables. @module */
import { files, nodeModule } from "@lionjs/base/files";

/**
 * A variable's value; `undefined` if it is empty, and in a page.
 *
 * @throws {Error} In Deno without `--allow-env`.
 */
export function variable(name: string): string | undefined {
  const value = nodeModule("node:process")?.env[name];
  return value === undefined || value === "" ? undefined : value;
}

/** Whether a variable says yes, in one of Hugging Face's words. */
export function isSet(name: string): boolean {
  return /^(1|on|yes|true)$/i.test(variable(name) ?? "");
}

/** The folder of Hugging Face's files. */
export function hubHome(): string {
  const home = variable("HOME") ?? variable("USERPROFILE");
  const own = variable("HF_HOME");
  if (own !== undefined) {
    return own.startsWith("~/") && home ? `${home}${own.slice(1)}` : own;
  }
  const caches = variable("XDG_CACHE_HOME") ?? (home && `${home}/.cache`);
  if (caches !== undefined) return `${caches}/huggingface`;
  throw new Error(
    "none of HF_HOME, XDG_CACHE_HOME and HOME is set to locate the cache of the hub; pass the option cache",
  );
}

/** Whether a text can stand in a header; where it cannot, hosts show it in messages. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

/**
 * The token that the environment or its file has; `undefined` if there is none.
 *
 * @throws {RangeError} If it is no token; the message does not show it.
 */
export async function ambientToken(): Promise<string | undefined> {
  if (isSet("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return undefined;
  const given = variable("HF_TOKEN")?.trim();
  const [token, where] = given
    ? [given, "HF_TOKEN"]
    : [await tokenInFile(), "the file of the token (HF_TOKEN_PATH)"];
  if (token === undefined || isToken(token)) return token;
  throw new RangeError(
    `${where} should hold a token of visible ASCII characters, got something else`,
  );
}

async function tokenInFile(): Promise<string | undefined> {
  if (!nodeModule("node:fs/promises")) return undefined;
  try {
    const path = variable("HF_TOKEN_PATH") ?? `${hubHome()}/token`;
    return (await files().readFile(path, "utf8")).trim() || undefined;
  } catch {
    return undefined; // no such file, or no home
  }
}
