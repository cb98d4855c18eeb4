/** Downloads of one file, which go on where they were cut. @module */
import { HubError } from "./hub_error.ts";
import type { Repository } from "./hub_options.ts";
import { retrying, send, type Watch } from "./request.ts";
import { addressOf, type HubFile } from "./tree.ts";

/** What has come of a file so far. */
export interface Part {
  readonly size: number;
  append(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  restart(): Promise<void>;
  /** The digest of all bytes, as the file's is computed. */
  digest(): Promise<string>;
}

/**
 * Fills a part until it is the file: size and digest are those of the manifest.
 *
 * @param part What is there of it; after an error, what may be used later.
 */
export async function download(
  repository: Repository,
  commit: string,
  file: HubFile,
  part: Part,
  onBytes: (bytes: number) => void,
): Promise<void> {
  let most = part.size, others = 0;
  onBytes(part.size);
  await retrying(
    repository,
    async (watch) => {
      if (part.size > file.size) await part.restart();
      if (part.size < file.size) {
        await receive(repository, commit, file, part, watch, onBytes);
      }
      const digest = await part.digest();
      if (digest === file.digest) return;
      await part.restart();
      most = 0;
      others++;
      throw new HubError(
        `${file.path} of ${repository.repo} should have the digest ${file.digest}, got ${digest}: the download does not match, and was removed`,
        { isPassing: others < 2 }, // as a proxy's page would be, for instance
      );
    },
    () => {
      const hasGrown = part.size > most;
      most = part.size;
      return hasGrown;
    },
  );
}

/** Receives what a part lacks; throws if less comes, or more. */
async function receive(
  repository: Repository,
  commit: string,
  file: HubFile,
  part: Part,
  { signal, alive }: Watch,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const url = addressOf(repository, commit, file.path);
  const response = await send(repository, url, {
    ...{ signal, alive },
    headers: {
      // A text that is compressed on the way has no length, and no ranges.
      "accept-encoding": "identity",
      ...part.size > 0 ? { range: `bytes=${part.size}-` } : {},
    },
  });
  const { status, headers, body } = response;
  const range = /^bytes (\d+)-/.exec(headers.get("content-range") ?? "");
  const goesOn = status === 206 && Number(range?.[1]) === part.size;
  if (!goesOn && part.size > 0) await part.restart();
  if (!goesOn && status !== 200) {
    await body?.cancel();
    throw new HubError(
      `${url} answers with a different range from the requested one`,
      {
        isPassing: true,
      },
    );
  }
  const reader = body?.getReader();
  try {
    for (;;) {
      const { done, value } = await reader?.read() ?? { done: true };
      if (done || !value) break;
      alive();
      if (part.size + value.length > file.size) {
        await part.restart();
        throw new HubError(
          `${file.path} of ${repository.repo} should have ${file.size} bytes, got more`,
        );
      }
      await part.append(value);
      onBytes(part.size);
    }
  } catch (cause) {
    await reader?.cancel().catch(() => {}); // it may have failed itself
    signal.throwIfAborted();
    // Bodies that end early are a TypeError; others are errors of the disk.
    if (!(cause instanceof TypeError)) throw cause;
    throw cut(file, part, cause);
  }
  if (part.size < file.size) throw cut(file, part);
}

function cut({ path, size }: HubFile, part: Part, cause?: unknown): HubError {
  return new HubError(
    `${path} has ended after ${part.size} of ${size} bytes; the next call continues there`,
    { isPassing: true, cause },
  );
}
