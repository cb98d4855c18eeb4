/**
 * The file descriptor between a rank and MPICH's `mpirun`, which a program
 * between them must hand on.
 *
 * @module
 */
import type { Functions } from "./symbols.ts";

/**
 * The environment variable with the descriptor's number, ended by a zero byte
 * as in C.
 */
const PMI_FD = new TextEncoder().encode("PMI_FD\0");

/** The request of `fcntl` for the flags of a descriptor. */
const F_GETFD = 1;

/**
 * Throws if the process has not inherited its line to `mpirun`. MPICH would find
 * something else in its place, and end the process with an assertion of its own.
 *
 * @throws {Error} If the line is not open, or is a descriptor that Deno has
 * opened since: those it would close where it starts another program.
 */
export function assertLine(
  { getenv, atoi, fcntl }: Pick<Functions, "getenv" | "atoi" | "fcntl">,
): void {
  const text = getenv(PMI_FD);
  if (text === 0n) return;
  if (fcntl(atoi(text), F_GETFD) === 0) return;
  throw new Error(
    "mpirun's line to this rank (PMI_FD) should be open, and is not: what stands between them, " +
      "such as npx or the `deno` that npm installs, did not pass it on; " +
      `start the binary itself: mpirun -n 2 ${binary()} run program.ts`,
  );
}

/** The path of Deno's binary, if the program has the permission to know it. */
function binary(): string {
  try {
    return Deno.execPath();
  } catch {
    return "/path/to/deno";
  }
}
