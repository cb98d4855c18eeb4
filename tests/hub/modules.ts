/** Another environment for what runs here, and in no other thread. @module */
import process from "node:process";

/** Runs with these variables of the environment, and no others. */
export async function withVariables(
  env: Readonly<Record<string, string>>,
  run: () => Promise<void>,
): Promise<void> {
  await withModules(
    (name, module) => name === "node:process" ? { ...module, env } : module,
    run,
  );
}

/** Runs where Node's modules are others, here and in no other thread. */
export async function withModules(
  change: (name: string, module: object) => object | undefined,
  run: () => Promise<void>,
): Promise<void> {
  const { getBuiltinModule } = process;
  const put = (value: unknown) =>
    Object.defineProperty(process, "getBuiltinModule", {
      value,
      configurable: true,
      writable: true,
    });
  put((name: string) => change(name, getBuiltinModule(name) as object));
  try {
    await run();
  } finally {
    put(getBuiltinModule);
  }
}
