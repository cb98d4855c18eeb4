import { assertEquals } from "@std/assert";

Deno.test({
  name: "a terminated Worker leaves no thread of its wasm backend behind",
  ignore: Deno.build.os !== "linux", // where threads of a process are files
  fn: async () => {
    const child = new URL("terminated_child.ts", import.meta.url);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--quiet", child.pathname],
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder();
    assertEquals(text.decode(stderr), "");
    assertEquals(JSON.parse(text.decode(stdout)), {
      threads: 4,
      first: 1,
      before: 0,
      running: 4,
      after: 0,
    });
    assertEquals(code, 0);
  },
});
