/** Calls on their way to a worker, and its answers. @module */

/** The functions of a worker. */
export type Callable<C> = {
  [name in keyof C]: (...args: never[]) => Promise<unknown>;
};

/** A call on its way to the worker. */
export interface Request {
  readonly id: number;
  readonly name: PropertyKey;
  readonly args: readonly unknown[];
}

/** Its answer. */
export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string };
