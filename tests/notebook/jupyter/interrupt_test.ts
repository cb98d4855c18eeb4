import { assertEquals, assertStringIncludes } from "@std/assert";

/** Runs interrupt_child.ts; returns how it ended, and what it printed. */
async function run(part: string) {
  const child = new URL("interrupt_child.ts", import.meta.url);
  const { signal, code, stdout, stderr } = await new Deno.Command(
    Deno.execPath(),
    {
      args: ["run", "-A", "--no-check", child.href, part],
      env: { NO_COLOR: "1" },
    },
  ).output();
  const decoder = new TextDecoder();
  return {
    end: signal ?? code,
    printed: decoder.decode(stdout).trim().split("\n"),
    errors: decoder.decode(stderr),
  };
}

Deno.test("a notebook outlives each Stop, which ends progressBar()", async () => {
  const { end, printed } = await run("notebook");
  assertEquals(printed, ["AbortError: Stopped (SIGINT)", "true false"]);
  assertEquals(end, 0);
});

Deno.test("a notebook prints the errors that nobody waits for", async () => {
  const { end, printed, errors } = await run("notebook errors");
  for (const message of ["Error: lost", "Error: its cause", "Error: thrown"]) {
    assertStringIncludes(errors, message);
  }
  assertEquals(printed, ["alive"]);
  assertEquals(end, 0);
});

Deno.test("Ctrl-C ends progressBar() in a script that gave its signal", async () => {
  const { end, printed } = await run("script");
  const stopped = "AbortError: Stopped (SIGINT)";
  assertEquals(printed, [stopped, stopped, "false"]);
  assertEquals(end, 0);
});

Deno.test("a second Ctrl-C ends a script", async () => {
  const { end, printed } = await run("script twice");
  assertEquals(printed, ["true"]);
  assertEquals(end, "SIGINT");
});
