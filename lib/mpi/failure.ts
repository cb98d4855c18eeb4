/** The end of the whole job if one rank fails, so that no other waits for it. @module */
import type { MpiCommunicator } from "./mpi_communicator.ts";

/** Ends the job when this rank ends before its `close()`, and says why. */
export function abortOnFailure(communicator: MpiCommunicator): void {
  const { rank, size } = communicator;
  const fail = (reason: string, code?: number) => {
    if (communicator.closed) return;
    console.error(`rank ${rank} of ${size} ends the job: ${reason}`);
    communicator.abort(code);
  };
  addEventListener("error", ({ error, message }) => {
    fail(describe(error ?? message));
  });
  addEventListener("unhandledrejection", ({ reason }) => {
    fail(describe(reason));
  });
  addEventListener("unload", () => {
    fail("it ended before close()", Deno.exitCode || 1);
  });
}

function describe(error: unknown): string {
  return error instanceof Error ? error.stack ?? `${error}` : String(error);
}
