/** PyTorch on the CPU as a peer, in a process of its own. @module */
import { fileURLToPath } from "node:url";
import { findPython } from "../../tools/notebooks/jupyter.ts";
import type { Check, Contender, Cost } from "../group.ts";
import {
  PeerProcess,
  type PeerWork,
  rest,
  startProcess,
} from "./peer_process.ts";

/** The name of PyTorch's scan among contenders. */
export const TORCH = "PyTorch";

/** What to type where it is missing. */
export const HOW_TO_GET_TORCH = "deno task setup --torch";

/**
 * Whose all threads are: OpenBLAS's, which multiply matrices, or OpenMP's, which
 * do the rest; or both have all, which is best for whole models if OpenMP's sleep
 * while they wait, since two pools otherwise spin against each other.
 */
export type TorchPool = "OpenBLAS" | "OpenMP" | "both";

/**
 * PyTorch at its best: one pool of threads awake, and a malloc that keeps its pages,
 * without which the forward pass takes two to three times as long.
 */
function environment(threads: number, pool: TorchPool): Record<string, string> {
  const never = String(2 ** 32);
  return {
    OMP_NUM_THREADS: String(pool === "OpenBLAS" ? 1 : threads),
    OPENBLAS_NUM_THREADS: String(pool === "OpenMP" ? 1 : threads),
    ...pool === "both" && { GOMP_SPINCOUNT: "0" },
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
  /** The processes, under the names of their pools. */
  readonly peers: readonly NamedPeer[];
  /** The processes under the name of what they compute, and of their pools. */
  named(name: string): NamedPeer[];
}

/** Starts PyTorch with each pool; none where it is not installed. */
export async function startPools(
  threads: number,
  pools: readonly TorchPool[] = ["OpenBLAS", "OpenMP"],
): Promise<TorchPools> {
  const peers: NamedPeer[] = [];
  for (const pool of pools) {
    const peer = await TorchPeer.start(threads, pool);
    if (peer) peers.push({ name: pool, peer });
  }
  return {
    peers,
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

/**
 * Prepares the work, of several that compute the same, and the process which are
 * the quickest together; the others hold nothing then. `null` without processes.
 */
export async function prepareFastest(
  peers: readonly NamedPeer[],
  works: readonly PeerWork[],
): Promise<PeerProcess | null> {
  let fastest: PeerProcess | null = null;
  let least = Infinity;
  for (const { peer } of peers) {
    const milliseconds = await peer.prepareFastest(works);
    const isFaster = milliseconds < least;
    await (isFaster ? fastest : peer)?.release();
    if (isFaster) [fastest, least] = [peer, milliseconds];
  }
  return fastest;
}

/** The computation that a peer holds, to be timed beside ours. */
export function peerContender(
  { name, peer }: NamedPeer,
  check: Check,
  cost?: Cost,
): Contender {
  return {
    ...{ name, isPeer: true, pause: rest, ...cost && { cost } },
    check: () => check(() => peer.outputs()),
    run: () => peer.run(),
  };
}
