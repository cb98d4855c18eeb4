/** What can go wrong between here and the hub. @module */
import { retryAfter } from "../../data/bytes/request.ts";
import type { Repository } from "./hub_options.ts";

/** A failure of the network or the hub. */
export class HubError extends Error {
  /** Whether the same request may succeed later. */
  readonly isPassing: boolean;
  /** Seconds that the hub asks to wait. */
  readonly waitSeconds: number | undefined;

  /** @param message What has failed, and what to do. */
  constructor(
    message: string,
    options: {
      readonly isPassing?: boolean;
      readonly waitSeconds?: number | undefined;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = "HubError";
    this.isPassing = options.isPassing ?? false;
    this.waitSeconds = options.waitSeconds;
  }
}

/** The name of a repository in messages. */
export function named({ repo, type, revision }: Repository): string {
  return `${type} ${repo}${revision === "main" ? "" : ` at ${revision}`}`;
}

/**
 * The error that an answer stands for.
 *
 * @param isHubs Whether the hub itself answers, and not where it has redirected to.
 */
export function errorOf(
  response: Response,
  url: string,
  repository: Repository,
  isHubs: boolean,
): HubError {
  const { status, headers } = response;
  if (!isHubs) {
    // A redirect's signature ends after some minutes; the hub gives a new one.
    return statusError(response, url, status === 403);
  }
  const { repo, type, revision, endpoint } = repository;
  const page = `${endpoint}/${type === "dataset" ? "datasets/" : ""}${repo}`;
  const code = headers.get("x-error-code") ?? "";
  if (code === "GatedRepo") {
    return new HubError(
      `${
        named(repository)
      } is gated: accept its conditions at ${page}, and pass a token of that account (token, or HF_TOKEN)`,
    );
  }
  if (code === "RevisionNotFound") {
    return new HubError(`${type} ${repo} has no revision ${revision}`);
  }
  if (code === "EntryNotFound") {
    return new HubError(
      `${named(repository)} has no file at ${
        pathOf(url)
      }; hubFiles() lists those it has`,
    );
  }
  if (code === "RepoNotFound" || status === 401 || status === 404) {
    // Without a code, as behind some mirrors, it may be either.
    const isEither = code === "" && status === 404 && revision !== "main";
    return new HubError(
      `there is no ${type} ${repo} at ${endpoint}, ${
        isEither ? `or it has no revision ${revision}, ` : ""
      }or it is private: check the name and type ("model" or "dataset"), or pass a token that may read it (token, or HF_TOKEN)`,
    );
  }
  if (status === 403) {
    return new HubError(
      `${named(repository)} may not be read with ${
        repository.token === undefined ? "no token" : "this token"
      } (status 403): pass one that may read it`,
    );
  }
  return statusError(response, url);
}

/** The error of a status that says nothing of the repository. */
function statusError(
  { status, headers }: Response,
  url: string,
  isPassing: boolean = false,
): HubError {
  const waitSeconds = secondsToWait(headers);
  return new HubError(
    status === 429
      ? `${new URL(url).host} has had too many requests (status 429)${
        waitSeconds === undefined ? "" : `, and asks to wait ${waitSeconds} s`
      }; a token raises the limit`
      : `${new URL(url).host} answers with status ${status} to ${pathOf(url)}`,
    {
      isPassing: isPassing || status === 408 || status === 429 || status >= 500,
      waitSeconds,
    },
  );
}

/** An address without its query, which may hold a signature. */
function pathOf(url: string): string {
  return new URL(url).pathname;
}

/** What `Retry-After` says, or the rest of a rate limit's window. */
function secondsToWait(headers: Headers): number | undefined {
  const after = retryAfter(headers);
  if (after !== undefined) return after;
  const window = /(?:^|;)\s*t=(\d+)/.exec(headers.get("ratelimit") ?? "")?.[1];
  return window === undefined ? undefined : Number(window);
}
