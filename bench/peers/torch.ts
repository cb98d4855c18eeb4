/** PyTorch on the CPU as a peer, in a process of its own. @module */
import { fileURLToPath } from "node:url";
import { findPython } from "../../tools/notebooks/jupyter.ts";
import type { Contender, Cost } from "../group.ts";
import { PeerProcess, rest, startProcess } from "./peer_process.ts";

/** The name of PyTorch's scan among contenders. */
export const TORCH = "PyTorch";

/** What to type where it is missing. */
export const HOW_TO_GET_TORCH = "deno task setup --torch";

/**
 * Whose all threads are: OpenBLAS's, which multiply matrices, or OpenMP's, which
 * do the rest. Two pools at once spin against each other.
 */
export type TorchPool = "OpenBLAS" | "OpenMP";

/**
 * PyTorch at its best: one pool of threads, and a malloc that keeps its pages,
 * without which the forward pass takes two to three times as long.
 */
function environment(threads: number, pool: TorchPool): Record<string, string> {
  const never = String(2 ** 32);
  return {
    OMP_NUM_THREADS: String(pool === "OpenMP" ? threads : 1),
    OPENBLAS_NUM_THREADS: String(pool === "OpenBLAS" ? threads : 1),
    MALLOC_TRIM_THRESHOLD_: never,
    MALLOC_MMAP_THRESHOLD_: never,
  };
}

/** A running PyTorch. */
export class TorchPeer extends PeerProcess {
  /** Starts PyTorch; `null` where it is not installed. */
  static async start(
    threads: number,
    pool: TorchPool = "OpenBLAS",
  ): Promise<TorchPeer | null> {
    const python = await findPython("torch");
    if (python === undefined) return null;
    const script = fileURLToPath(import.meta.resolve("./torch_peer.py"));
    const env = environment(threads, pool);
    return new TorchPeer(
      await startProcess(TORCH, python, ["-B", script], env),
    );
  }
}

/** A process that takes part under a name. */
export interface NamedPeer {
  /** The contender's name. */
  readonly name: string;
  readonly peer: PeerProcess;
}

/** Processes that compute the same, with their threads in one pool or the other. */
export interface TorchPools extends AsyncDisposable {
  /** The processes under the name of what they compute, and of their pools. */
  named(name: string): NamedPeer[];
}

/** Starts PyTorch with each pool; none where it is not installed. */
export async function startPools(threads: number): Promise<TorchPools> {
  const peers: NamedPeer[] = [];
  for (const pool of ["OpenBLAS", "OpenMP"] as const) {
    const peer = await TorchPeer.start(threads, pool);
    if (peer) peers.push({ name: pool, peer });
  }
  return {
    named: (name) =>
      peers.map(({ name: pool, peer }) => ({ name: `${name}, ${pool}`, peer })),
    [Symbol.asyncDispose]: () => endPeers(peers),
  };
}

/** Ends processes. */
export async function endPeers(
  peers: readonly Pick<NamedPeer, "peer">[],
): Promise<void> {
  for (const { peer } of peers) await peer[Symbol.asyncDispose]();
}

/** The computation that a peer holds, to be timed beside ours. */
export function peerContender(
  peer: PeerProcess,
  check: (outputs: Float32Array[]) => string | null,
  cost?: Cost,
  name = TORCH,
): Contender {
  return {
    name,
    isPeer: true,
    check: async () => check(await peer.outputs()),
    run: () => peer.run(),
    pause: rest,
    ...(cost ? { cost } : {}),
  };
}
