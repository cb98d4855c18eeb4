/** ONNX Runtime on the CPU as a peer, with its operator LinearAttention and with exported models. @module */
import { fileURLToPath } from "node:url";
import { PeerProcess, startProcess } from "./peer_process.ts";

/** The packages; not in deno.json, since Deno downloads all that is there for every program. */
const VERSIONS = { "onnxruntime-node": "1.30.0", "onnx-proto": "8.0.1" };

/**
 * Starts ONNX Runtime, which Deno downloads the first time: 113 MB. Its install
 * script, which would fetch CUDA's libraries, is not run.
 *
 * @throws {Error} If it cannot be loaded, or has no such operator.
 */
export async function startOnnx(threads: number): Promise<PeerProcess> {
  const program = fileURLToPath(import.meta.resolve("./onnx_process.ts"));
  const started = await startProcess("ONNX Runtime", Deno.execPath(), [
    ...["run", "-A", "--quiet", "--no-check", "--no-config", "--no-lock"],
    ...[program, ...Object.values(VERSIONS), `${threads}`],
  ]);
  return new PeerProcess(started);
}
