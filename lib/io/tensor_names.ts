/** Which tensors an option means, and what it calls them. @module */

/**
 * Names of tensors. A string is the name of one, or of the module that they are
 * in: `"bert.pooler"` stands for `bert.pooler.dense.weight` and its bias. A
 * pattern is looked for anywhere in a name.
 */
export type TensorNames = string | RegExp | readonly (string | RegExp)[];

/**
 * Whether a name is one of those.
 *
 * @throws {TypeError} If an option is of another kind.
 */
export function matcher(
  option: string,
  names: boolean | TensorNames = false,
): (name: string) => boolean {
  if (typeof names === "boolean") return () => names;
  const all = [names].flat();
  const other = all.find((one) =>
    typeof one !== "string" && !(one instanceof RegExp)
  );
  if (other !== undefined) {
    throw new TypeError(
      `${option} should be true, a name, a pattern or a list of those, got ${
        JSON.stringify(names)
      }`,
    );
  }
  return (name) =>
    all.some((one) =>
      typeof one === "string" ? isIn(name, one) : name.search(one) >= 0
    );
}

/**
 * What names become.
 *
 * @throws {TypeError} If the option is of another kind, or its function returns
 * no name.
 */
export function renamer(
  rename:
    | Readonly<Record<string, string>>
    | ((name: string) => string) = {},
): (name: string) => string {
  if (typeof rename === "function") {
    return (name) => {
      const renamed: unknown = rename(name);
      if (typeof renamed === "string") return renamed;
      throw new TypeError(
        `rename should return a name for ${name}, got ${renamed}`,
      );
    };
  }
  const modules = Object.entries(Object(rename) as Record<string, unknown>);
  if (
    typeof rename !== "object" || rename === null || Array.isArray(rename) ||
    modules.some(([, by]) => typeof by !== "string")
  ) {
    throw new TypeError(
      `rename should be a function, or new names by old ones such as { roberta: "bert" }, got ${
        JSON.stringify(rename)
      }`,
    );
  }
  // Of modules in modules, the inner one.
  modules.sort(([a], [b]) => b.length - a.length);
  return (name) => {
    const [module, by] =
      modules.find(([module]) => module === "" || isIn(name, module)) ?? [];
    if (module === undefined) return name;
    const rest = module === "" ? `.${name}` : name.slice(module.length);
    return by === "" ? rest.slice(1) : by + rest;
  };
}

/** Whether a name is that of a module, or of something in it. */
function isIn(name: string, module: string): boolean {
  return name === module || name.startsWith(`${module}.`);
}
