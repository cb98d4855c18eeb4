import { assert, assertEquals } from "@std/assert";
import { packReport } from "../../bench/report/pack.ts";
import type { Report } from "../../bench/measure/report_file.ts";
import { ofLongTests } from "../sample.ts";

/** Runs a program in a folder, with nothing but what it is given. */
async function run(
  command: string,
  args: string[],
  cwd: string,
): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, {
    ...{ args, cwd, clearEnv: true },
    env: {
      PATH: "/usr/bin:/bin:/sbin",
      HOME: cwd,
      // Nobody answers there.
      HTTPS_PROXY: "http://127.0.0.1:1",
      HTTP_PROXY: "http://127.0.0.1:1",
    },
  }).output();
  assert(success, new TextDecoder().decode(stderr));
}

Deno.test({
  name: "a packed report is made in an empty folder without a network",
  // As long as those that software WebGPU takes most of a minute for.
  ignore: Deno.build.os === "windows" || ofLongTests(["webgpu"]).length === 0,
}, async () => {
  const folder = await Deno.makeTempDir({ prefix: "lion-bare-" });
  try {
    const archive = `${folder}/packed.tar.gz`;
    await packReport(archive);
    await run("tar", ["-xzf", archive], folder);
    const args = ["--quick", "--only", "kernels,peers", "--backend", "wasm"];
    await run("lion-report/run.sh", args, folder);
    const out = `${folder}/lion-report/out`;
    const report: Report = JSON.parse(
      await Deno.readTextFile(`${out}/report.json`),
    );
    assertEquals(report.figures.map(({ figure }) => figure), [
      "kernels",
      "peers",
    ]);
    const absent = report.absent.map(({ name }) => name);
    assertEquals(absent, ["PyTorch", "ONNX Runtime"]);
    const page = await Deno.readTextFile(`${out}/report.html`);
    assert(page.length > 1e6 && page.includes("Compared with other libraries"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
