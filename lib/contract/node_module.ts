/** Node's own modules, where there are any. @module */

/** The modules that are asked for. */
interface NodeModules {
  "node:crypto": typeof import("node:crypto");
  "node:fs/promises": typeof import("node:fs/promises");
  "node:os": typeof import("node:os");
  "node:process": typeof import("node:process");
  "node:timers": typeof import("node:timers");
  "node:v8": typeof import("node:v8");
  "node:vm": typeof import("node:vm");
  "node:worker_threads": typeof import("node:worker_threads");
}

/**
 * One of Node's own modules: in Deno and in Node from 20.16; `undefined` in a
 * browser.
 *
 * An `import()` of a `node:` module is an error for some bundlers of pages,
 * even where it is never reached. This they do not see.
 */
export function nodeModule<Name extends keyof NodeModules>(
  name: Name,
): NodeModules[Name] | undefined {
  const { process } = globalThis as unknown as {
    process?: { getBuiltinModule?(name: Name): NodeModules[Name] };
  };
  return process?.getBuiltinModule?.(name);
}
