/** Options of the functions that read the hub, and where their defaults come from. @module */
import {
  assertBoolean,
  assertFinite,
  assertOneOf,
  assertOptions,
  assertPath,
  assertPositiveInteger,
  assertSignal,
  type OptionNames,
  optionsOf,
  shown,
} from "@lionjs/base";
import { nodeModule } from "@lionjs/base/files";
import { assertHubPath, assertRepository, urlOf } from "./hub_paths.ts";
import {
  ambientToken,
  hubHome,
  isSet,
  isToken,
  variable,
} from "./environment.ts";

/** Options of every function that reads the hub. */
export interface HubOptions {
  /** A branch, a tag, a pull request (`"refs/pr/1"`) or a commit. @default "main" */
  revision?: string | undefined;
  /** The kind of repository. @default "model" */
  type?: "model" | "dataset" | undefined;
  /**
   * The folder of cached files, in Hugging Face's layout. Pages use the
   * browser's Cache storage instead.
   *
   * @default HF_HUB_CACHE, else `hub` in HF_HOME, else `~/.cache/huggingface/hub`
   */
  cache?: string | undefined;
  /**
   * Whether to use cached files only, and never ask the hub.
   * @default HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE, else false
   */
  offline?: boolean | undefined;
  /**
   * The access token, sent only to the endpoint's host; `false` for none. An
   * `endpoint` given here is sent only a token given here.
   *
   * @default HF_TOKEN, else the file HF_TOKEN_PATH, else `token` in HF_HOME
   */
  token?: string | false | undefined;
  /** The hub's address. @default HF_ENDPOINT, else `"https://huggingface.co"` */
  endpoint?: string | undefined;
  /** The function that fetches. @default `fetch` */
  fetch?: typeof fetch | undefined;
  /**
   * A signal that aborts the call, which throws its reason. What has arrived is
   * kept for the next call.
   */
  signal?: AbortSignal | undefined;
  /**
   * How often to retry a request that fails in the network, or with status 408,
   * 429 or 5xx. The count restarts when a download makes progress.
   * @default 4
   */
  retries?: number | undefined;
  /**
   * Milliseconds without a byte after which a request fails. A listing of files may
   * have at most 256 MB.
   * @default 60000
   */
  timeout?: number | undefined;
}

/** The progress of a download. */
export interface HubProgress {
  /** The path of the file that has received more bytes. */
  readonly path: string;
  /** Number of bytes of this file that have arrived. */
  readonly bytes: number;
  /** Size of this file in bytes. */
  readonly size: number;
  /** Number of bytes of all files that have arrived. */
  readonly totalBytes: number;
  /** Size of all files in bytes. */
  readonly totalSize: number;
}

/** Options of functions that download. */
export interface HubDownloadOptions extends HubOptions {
  /** Called whenever bytes have arrived, and once for a cached file. */
  progress?: ((progress: HubProgress) => void) | undefined;
}

/** The names of {@linkcode HubOptions}. */
export const HUB_OPTIONS: OptionNames<HubOptions> = optionsOf<HubOptions>()(
  "revision type cache offline token endpoint fetch signal retries timeout",
);

/** The names of {@linkcode HubDownloadOptions}. */
export const DOWNLOAD_OPTIONS: OptionNames<HubDownloadOptions> = optionsOf<
  HubDownloadOptions
>()(
  HUB_OPTIONS,
  "progress",
);

/** A repository, and how it is read. */
export interface Repository {
  /** The repository's name, such as `"google/vit-base-patch16-224"`. */
  readonly repo: string;
  readonly type: "model" | "dataset";
  readonly revision: string;
  /** The folder of the cache; `undefined` in a page. */
  readonly cache: string | undefined;
  readonly offline: boolean;
  readonly token: string | undefined;
  /** The hub's address, without a slash at its end. */
  readonly endpoint: string;
  readonly fetch: typeof fetch;
  readonly signal: AbortSignal | undefined;
  readonly retries: number;
  readonly timeout: number;
}

/** The largest timeout of JavaScript's timers, in milliseconds. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

const DEFAULT_ENDPOINT = "https://huggingface.co";

export function assertHubOptions<T extends HubDownloadOptions>(
  owner: string,
  options: T,
  names: OptionNames<T>,
): void {
  assertOptions(owner, options, names);
  const { revision, type, cache, offline, token, endpoint, signal } = options;
  if (revision !== undefined) {
    const what = 'a branch, a tag or a commit, such as "main"';
    assertHubPath(`${owner}'s revision`, revision, what);
  }
  if (type !== undefined) {
    assertOneOf(`${owner}'s type`, type, ["model", "dataset"]);
  }
  if (cache !== undefined) assertPath(`${owner}'s cache`, cache);
  if (offline !== undefined) assertBoolean(`${owner}'s offline`, offline);
  assertToken(owner, token);
  if (endpoint !== undefined) endpointOf(owner, endpoint);
  const functions = { fetch: options.fetch, progress: options.progress };
  for (const [name, value] of Object.entries(functions)) {
    if (value === undefined || typeof value === "function") continue;
    throw new TypeError(
      `${owner}'s ${name} should be a function, got ${typeof value}`,
    );
  }
  assertSignal(`${owner}'s`, signal);
  const { retries, timeout } = options;
  if (retries !== undefined && retries !== 0) {
    assertPositiveInteger(`${owner}'s retries`, retries);
  }
  if (timeout !== undefined) {
    assertFinite(`${owner}'s timeout`, timeout);
    if (timeout > 0 && timeout <= LONGEST_TIMEOUT) return;
    throw new RangeError(
      `${owner}'s timeout should be above 0, and at most ${LONGEST_TIMEOUT} ms, got ${timeout}`,
    );
  }
}

/**
 * Completes the options of a function, which {@linkcode assertHubOptions} has
 * checked.
 */
export async function repositoryOf(
  owner: string,
  repo: string,
  options: HubOptions,
): Promise<Repository> {
  assertRepository(owner, repo);
  const { revision = "main", type = "model", signal } = options;
  const { retries = 4, timeout = 60_000, token } = options;
  const fetched = options.fetch ?? fetch;
  return {
    repo,
    type,
    revision,
    signal,
    retries,
    timeout,
    cache: options.cache ?? cacheFolder(),
    offline: options.offline ??
      (isSet("HF_HUB_OFFLINE") || isSet("TRANSFORMERS_OFFLINE")),
    token: token === undefined && options.endpoint === undefined
      ? await ambientToken()
      : token || undefined,
    endpoint: endpointOf(
      owner,
      options.endpoint ?? variable("HF_ENDPOINT") ?? DEFAULT_ENDPOINT,
    ),
    // Wrapped, since the global `fetch` may not be called as a method of another object.
    fetch: (input, init) => fetched(input, init),
  };
}

/** The default folder of the cache; `undefined` in a page. */
function cacheFolder(): string | undefined {
  if (!nodeModule("node:fs/promises")) return undefined;
  const folder = variable("HF_HUB_CACHE") ?? variable("HUGGINGFACE_HUB_CACHE");
  return folder ?? `${hubHome()}/hub`;
}

/** Throws unless a token can stand in a header; no message shows it. */
function assertToken(owner: string, token: string | false | undefined): void {
  if (token === undefined || token === false) return;
  if (typeof token === "string" && isToken(token)) return;
  throw new TypeError(
    `${owner}'s token should be visible ASCII characters, or false for none, got ${
      typeof token === "string" ? "other text" : typeof token
    }`,
  );
}

function endpointOf(owner: string, text: string): string {
  const url = typeof text === "string" ? urlOf(text) : undefined;
  if (
    url && /^https?:$/.test(url.protocol) && !url.search && !url.hash &&
    !url.username && !url.password
  ) {
    return url.href.replace(/\/+$/, "");
  }
  throw new RangeError(
    `${owner}'s endpoint should be a URL such as "${DEFAULT_ENDPOINT}", got ${
      // Messages must not show a password.
      url?.password || url?.username
        ? "one with a name or a password: pass a token instead"
        : shown(text)}`,
  );
}
