/** Options of the functions that read the hub, and where their defaults come from. @module */
import { shown } from "../../contract/shown.ts";
import { assertSignal } from "../../contract/abort.ts";
import { nodeModule } from "../../contract/node_module.ts";
import {
  assertOptions,
  type OptionNames,
  optionsOf,
} from "../../contract/options.ts";
import {
  assertBoolean,
  assertFinite,
  assertOneOf,
  assertPath,
  assertPositiveInteger,
} from "../../contract/values.ts";
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
  /** What the repository holds. @default "model" */
  type?: "model" | "dataset" | undefined;
  /**
   * The folder where files are kept, in Hugging Face's layout. Pages have none:
   * files are kept in the browser's Cache storage.
   *
   * @default HF_HUB_CACHE, else `hub` in HF_HOME, else `~/.cache/huggingface/hub`
   */
  cache?: string | undefined;
  /**
   * Whether nothing is asked of the hub, and only what is kept is used.
   * @default HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE, else false
   */
  offline?: boolean | undefined;
  /**
   * The access token, which no other host than the endpoint's gets; `false` for
   * none. An `endpoint` that is given here gets only a token that is given here.
   *
   * @default HF_TOKEN, else the file HF_TOKEN_PATH, else `token` in HF_HOME
   */
  token?: string | false | undefined;
  /** The hub's address. @default HF_ENDPOINT, else `"https://huggingface.co"` */
  endpoint?: string | undefined;
  /** The function that fetches. @default `fetch` */
  fetch?: typeof fetch | undefined;
  /** Ends the call with the signal's reason. What has arrived is kept for later. */
  signal?: AbortSignal | undefined;
  /**
   * How often a request is made again that fails in the network, or that the
   * hub answers with 408, 429 or 5xx; a download that goes on counts anew.
   * @default 4
   */
  retries?: number | undefined;
  /** Milliseconds without a byte after which a request has failed. @default 60000 */
  timeout?: number | undefined;
}

/** How far a download is. */
export interface HubProgress {
  /** The file that has got more bytes. */
  readonly path: string;
  /** Number of its bytes that are there. */
  readonly bytes: number;
  /** Number of its bytes. */
  readonly size: number;
  /** Number of bytes that are there, of all files. */
  readonly totalBytes: number;
  /** Number of bytes of all files. */
  readonly totalSize: number;
}

/** Options of functions that download. */
export interface HubDownloadOptions extends HubOptions {
  /** Is called whenever bytes have arrived, and once for a file that was there. */
  progress?: ((progress: HubProgress) => void) | undefined;
}

/** The names of {@linkcode HubOptions}. */
export const HUB_OPTIONS = optionsOf<HubOptions>()(
  "revision type cache offline token endpoint fetch signal retries timeout",
);

/** The names of {@linkcode HubDownloadOptions}. */
export const DOWNLOAD_OPTIONS = optionsOf<HubDownloadOptions>()(
  HUB_OPTIONS,
  "progress",
);

/** A repository, and how it is read. */
export interface Repository {
  /** Its name, such as `"google/vit-base-patch16-224"`. */
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

/** What timers can count. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

const DEFAULT_ENDPOINT = "https://huggingface.co";

export function assertHubOptions<T extends HubDownloadOptions>(
  owner: string,
  options: T,
  names: OptionNames<T>,
): void {
  assertOptions(owner, options, names);
  const { revision, type, cache, offline, token, endpoint, signal } = options;
  if (revision !== undefined) assertHubPath(`${owner}'s revision`, revision);
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
    // A method of the global object, wherever it is called from.
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
    `${owner}'s token should be a text of visible letters, or false for none, got ${
      typeof token === "string" ? "another text" : typeof token
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
    `${owner}'s endpoint should be an address such as "${DEFAULT_ENDPOINT}", got ${
      // No message shows a password.
      url?.password || url?.username
        ? "one with a name or a password: give a token instead"
        : shown(text)}`,
  );
}
