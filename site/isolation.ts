/// <reference lib="dom" />
/** Threads need a page that is cross-origin isolated. @module */

const TRIED = "lion-isolation";

/**
 * Isolates the page where the server does not: through a service worker, which
 * adds the headers, and by loading the page once more. Where that is refused, or
 * was in vain, the page stays as it is, with one thread.
 */
export async function isolate(): Promise<void> {
  if (crossOriginIsolated || !("serviceWorker" in navigator)) return;
  try {
    if (sessionStorage.getItem(TRIED)) return;
    sessionStorage.setItem(TRIED, "yes");
    await navigator.serviceWorker.register("service_worker.js");
    await navigator.serviceWorker.ready;
  } catch {
    return;
  }
  location.reload();
}
