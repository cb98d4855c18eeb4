/// <reference lib="dom" />
/** Files that the worker fetches when it needs them. @module */

/**
 * A function that returns what is made of a file; it is fetched once, and again
 * after a failure.
 */
export function fetched<T>(
  path: string,
  make: (file: Uint8Array) => Promise<T>,
): () => Promise<T> {
  let made: Promise<T> | undefined;
  const load = async () => {
    const response = await fetch(new URL(path, globalThis.location.href));
    if (!response.ok) {
      throw new Error(`${path} should be there, got ${response.status}`);
    }
    return await make(new Uint8Array(await response.arrayBuffer()));
  };
  return () =>
    made ??= load().catch((error) => {
      made = undefined;
      throw error;
    });
}
