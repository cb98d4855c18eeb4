/** Names of repositories, revisions and files, which become paths and addresses. @module */
import { shown } from "@lionjs/base";

/**
 * Throws unless a text names a repository: `owner/name`, or `name` as the oldest
 * have it.
 */
export function assertRepository(owner: string, repo: string): void {
  const isText = typeof repo === "string";
  if (isText && isRepository(repo)) return;
  throw new (isText ? RangeError : TypeError)(
    `${owner}'s repo should be a name such as "google/vit-base-patch16-224", got ${
      shown(repo)
    }`,
  );
}

/** Whether a text is the name of a repository, by the hub's rules. */
export function isRepository(repo: string): boolean {
  return /^(?:[\w.-]+\/)?[\w.-]+$/.test(repo) && repo.length <= 200 &&
    !/--|\.\.|(?:^|\/)[-.]|[-.](?:\/|$)/.test(repo);
}

/**
 * Throws unless a text is a path within a folder, on every system.
 *
 * @param what What it should be, in words.
 */
export function assertHubPath(
  name: string,
  path: string,
  what = 'a path within the repository, such as "onnx/config.json"',
): void {
  if (typeof path !== "string") {
    throw new TypeError(`${name} should be ${what}, got ${shown(path)}`);
  }
  const steps = path.split("/");
  const isInside = path.length <= 4096 && !/[\\\0\r\n]|^[a-z]:/i.test(path) &&
    steps.every((step) => step !== "" && step !== "." && step !== "..");
  if (isInside) return;
  throw new RangeError(`${name} should be ${what}, got ${shown(path)}`);
}

/** A path with each step percent-encoded. */
export function encodedPath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

/** The address that a text is, as seen from another; `undefined` if it is none. */
export function urlOf(text: string, base?: string): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}

/** Whether a text is the id of a commit. */
export function isCommit(text: unknown): text is string {
  return typeof text === "string" && /^[0-9a-f]{40}$/.test(text);
}
