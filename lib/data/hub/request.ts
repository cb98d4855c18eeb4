/** Requests to the hub. @module */
import { messageOf, unlessAborted } from "@lionjs/base";
import { nodeModule } from "@lionjs/base/files";
import { errorOf, HubError } from "./hub_error.ts";
import type { Repository } from "./hub_options.ts";
import { urlOf } from "./hub_paths.ts";

/** Milliseconds before the first further request; each wait is twice the last one. */
const FIRST_WAIT = 250;

/** The most seconds that the hub may ask to wait. */
const LONGEST_WAIT = 120;

const MOST_REDIRECTS = 10;

/** The most bytes of answers in JSON, as a bound of memory: a million files' names. */
export const MOST_OF_JSON = 2 ** 28;

/** A request that is aborted when no bytes arrive for too long. */
export interface Watch {
  /** Aborts when the caller's signal does, and when no byte has come for too long. */
  readonly signal: AbortSignal;
  /** Reports that bytes have arrived. */
  alive(): void;
}

/**
 * Runs an attempt again, as often and as late as the options say, while it fails
 * for reasons that may pass.
 *
 * @param hasGrown Whether it has got further since it was asked last; retries
 * count anew then.
 * @throws {HubError} If it fails for good.
 * @throws {unknown} The signal's reason.
 */
export async function retrying<T>(
  repository: Repository,
  attempt: (watch: Watch) => Promise<T>,
  hasGrown: () => boolean = () => false,
): Promise<T> {
  const { signal, retries } = repository;
  for (let tried = 0;; tried++) {
    try {
      return await watched(repository, attempt);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof HubError) || !error.isPassing) throw error;
      if (hasGrown()) tried = 0;
      const { waitSeconds = 0 } = error;
      if (tried >= retries || waitSeconds > LONGEST_WAIT) throw error;
      const wait = Math.max(FIRST_WAIT * 2 ** tried, 1000 * waitSeconds);
      // A random wait, so that requests that failed together are not repeated together.
      await pause(wait * (1 + Math.random() / 4), signal);
    }
  }
}

async function watched<T>(
  { signal, timeout }: Repository,
  attempt: (watch: Watch) => Promise<T>,
): Promise<T> {
  const silence = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), timeout);
  };
  alive();
  try {
    const both = [silence.signal, ...(signal ? [signal] : [])];
    return await attempt({ signal: AbortSignal.any(both), alive });
  } catch (error) {
    if (!silence.signal.aborted) throw error;
    throw new HubError(`no byte has come for ${timeout / 1000} s`, {
      isPassing: true,
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Waits, or throws the signal's reason. */
export async function pause(
  milliseconds: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    await unlessAborted(
      signal,
      new Promise<void>((resolve) => timer = setTimeout(resolve, milliseconds)),
    );
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Makes one request, and follows its redirects. Only the endpoint's own host gets
 * the token, and no more once a redirect has led elsewhere.
 *
 * @returns An answer with a status of 2xx, or 416.
 */
export async function send(
  repository: Repository,
  address: string,
  init: {
    readonly headers?: Record<string, string>;
    readonly body?: string;
  } & Watch,
): Promise<Response> {
  const { endpoint, token } = repository;
  const home = new URL(endpoint).origin;
  let url = new URL(address), isHome = true;
  for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
    isHome &&= url.origin === home;
    const response = await answerTo(repository, url, {
      ...init.body === undefined ? {} : { method: "POST", body: init.body },
      headers: {
        ...init.headers,
        ...isHome && token ? { authorization: `Bearer ${token}` } : {},
      },
      signal: init.signal,
      // Browsers follow redirects unseen, and then drop the token by themselves.
      redirect: nodeModule("node:process") ? "manual" : "follow",
    });
    init.alive();
    const location = response.headers.get("location");
    if (![301, 302, 303, 307, 308].includes(response.status) || !location) {
      if (response.ok || response.status === 416) return response;
      await response.body?.cancel();
      throw errorOf(response, url.href, repository, isHome);
    }
    await response.body?.cancel();
    url = redirected(url, location);
  }
  throw new HubError(
    `${
      new URL(address).pathname
    } of ${home} is redirected more than ${MOST_REDIRECTS} times`,
  );
}

async function answerTo(
  { fetch }: Repository,
  url: URL,
  init: RequestInit,
): Promise<Response> {
  try {
    return await fetch(url.href, init);
  } catch (cause) {
    init.signal?.throwIfAborted();
    throw new HubError(`${url.host} does not answer: ${messageOf(cause)}`, {
      isPassing: true,
      cause,
    });
  }
}

function redirected(from: URL, location: string): URL {
  const to = urlOf(location, from.href);
  const isSafe = to?.protocol === "https:" ||
    (to?.protocol === "http:" && from.protocol === "http:");
  if (to && isSafe) return to;
  throw new HubError(
    `${from.host} redirects ${from.pathname} to ${
      to ? `${to.protocol}//${to.host}` : "what is no address"
    }, which is not followed`,
  );
}

/**
 * Asks for a value.
 *
 * @param most The most bytes that its text may have.
 * @returns The value, the number of its bytes, and what stands before it.
 */
export function askJSON(
  repository: Repository,
  url: string,
  { body, most = MOST_OF_JSON }: { body?: unknown; most?: number } = {},
): Promise<{ value: unknown; size: number; headers: Headers }> {
  return retrying(repository, async (watch) => {
    const response = await send(repository, url, {
      ...watch,
      headers: {
        accept: "application/json",
        ...body === undefined ? {} : { "content-type": "application/json" },
      },
      ...body === undefined ? {} : { body: JSON.stringify(body) },
    });
    const { headers } = response;
    let size = 0;
    const counted = response.body?.pipeThrough(
      new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform(bytes, controller) {
          watch.alive();
          size += bytes.length;
          if (size > most) {
            throw new HubError(
              `${url} should have at most ${most} bytes, got more`,
            );
          }
          controller.enqueue(bytes);
        },
      }),
    );
    let text;
    try {
      text = await new Response(counted ?? null).text();
    } catch (cause) {
      watch.signal.throwIfAborted();
      if (cause instanceof HubError) throw cause;
      throw new HubError(`${url} ended early`, { isPassing: true, cause });
    }
    try {
      return { value: JSON.parse(text), size, headers };
    } catch (cause) {
      throw new HubError(`${url} should be JSON, got something else`, {
        cause,
      });
    }
  });
}
