/** What the system offers, replaced for a while. @module */

/** Runs with something else in the place of a property. */
export async function withProperty(
  target: object,
  name: string,
  value: unknown,
  run: () => Promise<void>,
): Promise<void> {
  const own = Object.getOwnPropertyDescriptor(target, name);
  Object.defineProperty(target, name, {
    value,
    configurable: true,
    writable: true,
  });
  try {
    await run();
  } finally {
    if (own) Object.defineProperty(target, name, own);
    else Reflect.deleteProperty(target, name);
  }
}
