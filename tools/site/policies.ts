/** What the pages of the site may load and run. @module */
import type { ContentPolicy } from "../../lib/notebook/content_policy.ts";

/**
 * What all need: their own styles and pictures. Formulas, tables and captions
 * have attributes of styles, which no hash can allow.
 */
const STATIC_POLICY: ContentPolicy = {
  "style-src": ["'self'", "'unsafe-inline'"],
  "img-src": ["'self'", "data:"],
  "font-src": ["'self'"],
};

/** Of documents and the reference: their search and its index, too. */
export const DOCUMENT_POLICY: ContentPolicy = {
  ...STATIC_POLICY,
  "script-src": ["'self'"],
  "connect-src": ["'self'"],
};

/** Of a document that computes in WebAssembly. */
export const COMPUTING_POLICY: ContentPolicy = {
  ...DOCUMENT_POLICY,
  "script-src": ["'self'", "'wasm-unsafe-eval'"],
};

/**
 * Of all files, where a server sends headers: what the pages' own policies allow
 * (`site/index.html` has that of the page to try), and the threads of its
 * worker, which are blobs; only a header holds for workers.
 */
export const SITE_POLICY: ContentPolicy = {
  ...COMPUTING_POLICY,
  "worker-src": ["'self'", "blob:"],
  "frame-ancestors": ["'none'"],
};
