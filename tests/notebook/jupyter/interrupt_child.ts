/**
 * A process that interrupts itself, for interrupt_test.ts: `interrupt_child.ts
 * PART`. It prints what it saw.
 *
 * @module
 */
const [part] = Deno.args;
if (part!.startsWith("notebook")) await import("./fake_kernel.ts");
const { interruptSignal, progressBar } = await import(
  "../../../lib/notebook/mod.ts"
);

async function interrupt(): Promise<void> {
  Deno.kill(Deno.pid, "SIGINT");
  await new Promise((resolve) => setTimeout(resolve, 50));
}

/** A loop that waits for nothing, and is interrupted. */
async function busyLoop(signal?: AbortSignal): Promise<void> {
  try {
    for await (const i of progressBar(1e9, signal ? { signal } : {})) {
      if (i === 10) Deno.kill(Deno.pid, "SIGINT");
    }
  } catch (error) {
    const { name, message } = error as DOMException;
    console.log(`${name}: ${message}`);
  }
}

switch (part) {
  case "notebook": {
    const signal = interruptSignal();
    await interrupt();
    await interrupt();
    await busyLoop();
    console.log(signal.aborted, interruptSignal().aborted);
    break;
  }
  case "notebook errors": {
    Promise.reject(new Error("lost", { cause: new Error("its cause") }));
    setTimeout(() => {
      throw new Error("thrown");
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    console.log("alive");
    break;
  }
  case "script": {
    await busyLoop(interruptSignal());
    await busyLoop(interruptSignal());
    console.log(interruptSignal().aborted);
    break;
  }
  case "script twice": {
    const signal = interruptSignal();
    await interrupt();
    console.log(signal.aborted);
    await interrupt();
    console.log("not reached");
  }
}
