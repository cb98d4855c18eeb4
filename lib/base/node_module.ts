/** Node's built-in modules, where they exist. @module */

/** The built-in modules of Node that this library uses. */
interface NodeModules {
  "node:crypto": typeof import("node:crypto");
  "node:fs/promises": typeof import("node:fs/promises");
  "node:os": typeof import("node:os");
  "node:process": typeof import("node:process");
  "node:timers": typeof import("node:timers");
  "node:url": typeof import("node:url");
  "node:v8": typeof import("node:v8");
  "node:vm": typeof import("node:vm");
  "node:worker_threads": typeof import("node:worker_threads");
  "node:zlib": typeof import("node:zlib");
}

/**
 * Returns one of Node's built-in modules in Deno and in Node from 20.16;
 * `undefined` in a browser.
 *
 * An `import()` of a `node:` module is an error for some bundlers, even if it
 * is never reached. They do not see this call.
 */
export function nodeModule<Name extends keyof NodeModules>(
  name: Name,
): NodeModules[Name] | undefined {
  const { process } = globalThis as unknown as {
    process?: { getBuiltinModule?(name: Name): NodeModules[Name] };
  };
  return process?.getBuiltinModule?.(name);
}
