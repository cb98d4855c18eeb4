/** Requests that are repeated where another attempt may succeed. @module */

/** Seconds to wait before each further request. */
const WAITS = [0.2, 0.8, 3.2];

/** The most seconds that a server may ask to wait. */
const LONGEST_WAIT = 30;

/** The seconds that `Retry-After` asks to wait, as a number or as a date. */
export function retryAfter(headers: Headers): number | undefined {
  const after = headers.get("retry-after") ?? "";
  const seconds = /^\d+$/.test(after)
    ? Number(after)
    : (Date.parse(after) - Date.now()) / 1000;
  return seconds >= 0 ? Math.ceil(seconds) : undefined;
}

/**
 * Makes a request, and up to three more where the network fails, the body ends
 * early, or the server answers with 408, 429 or 5xx.
 *
 * @param take Reads the answer; `undefined` is an answer that ended early.
 * @throws {Error} If there is no answer, or another error than those; `cause`
 * is what the network says.
 */
export async function request<T>(
  url: string,
  fetched: typeof fetch,
  headers: Record<string, string>,
  take: (response: Response) => Promise<T | undefined>,
): Promise<T> {
  for (let tried = 0;; tried++) {
    const failure = (reason: string, cause?: unknown) =>
      new Error(
        `${url} cannot be read: ${reason}${
          tried > 0 ? `, tried ${tried + 1} times` : ""
        }`,
        { cause },
      );
    let failed: Error;
    let asked = 0;
    try {
      const response = await fetched(url, { headers });
      const { status } = response;
      if (status < 400 || status === 416) {
        const taken = await take(response);
        if (taken !== undefined) return taken;
        failed = failure("its answer ended early");
      } else {
        await response.body?.cancel();
        failed = failure(`its server answers with status ${status}`);
        if (status !== 408 && status !== 429 && status < 500) throw failed;
        asked = retryAfter(response.headers) ?? 0;
      }
    } catch (error) {
      // `fetch` rejects with a TypeError where the network fails.
      if (!(error instanceof TypeError)) throw error;
      failed = failure(error.message, error);
    }
    const wait = WAITS[tried];
    if (wait === undefined) throw failed;
    const seconds = Math.min(LONGEST_WAIT, Math.max(wait, asked));
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  }
}
