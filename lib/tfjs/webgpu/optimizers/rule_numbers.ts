/** The numbers of optimizers' rules on a device. @module */
import type { RuleNumbers } from "../../optimizers/rules.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";

/** Numbers that a rule does not read have no effect. */
const NEUTRAL: Required<RuleNumbers> = {
  ...{ step: 0, decay1: 0, rest1: 0, decay2: 0, rest2: 0 },
  ...{ correction: 1, epsilon: 0, keep: 1 },
};

/** The numbers, as constants of a thread. */
export const CONSTANTS = Object.keys(NEUTRAL)
  .map((name, i) => `  let ${name} = numbers[${i >> 2}][${i % 4}];`).join("\n");

/** The vectors of four in which the numbers are. */
export const NUMBER_VECTORS = Object.keys(NEUTRAL).length / 4;

/** The most buffers that are kept for numbers. */
const MOST_KEPT = 64;

/** A buffer that is kept, and its numbers. */
interface Kept {
  readonly buffer: GPUBuffer;
  content: string;
  /** The number of submissions when a launch last used the buffer. */
  usedAt: number;
}

/** The buffers that are kept for a backend, until they may have become invalid. */
interface Numbers {
  readonly generation: number;
  readonly kept: Kept[];
}

const numbersOf = new WeakMap<StrictWebGPUBackend, Numbers>();

/**
 * Launches with a uniform buffer of a rule's numbers. The numbers differ from step to step,
 * and are the same for many launches of a step: they are written once, and their buffer is
 * the next step's again, so that bind groups stay.
 *
 * @param run Launches the programs that read the numbers.
 */
export function withNumbers(
  backend: StrictWebGPUBackend,
  numbers: RuleNumbers,
  run: (buffer: GPUBuffer) => void,
): void {
  const { buffers, queue, launches: { capture } } = backend;
  const values = Float32Array.from(Object.values({ ...NEUTRAL, ...numbers }));
  const size = values.byteLength;
  const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
  // A captured launch has a buffer of its own, for as long as it is repeated.
  if (capture) {
    run(backend.failures.guard(() => {
      const buffer = buffers.acquireIdle(size, usage);
      queue.writeBuffer(buffer, 0, values);
      return buffer;
    }));
    return;
  }
  const found = backend.failures.guard(() => {
    const kept = keptOf(backend), now = buffers.submissions;
    const content = String.fromCharCode(...new Uint16Array(values.buffer));
    const known = kept.find((one) => one.content === content);
    if (known) return known;
    // The host may not write what commands that wait will read.
    let own = kept.find(({ usedAt }) => usedAt < now);
    if (own) own.content = content;
    else {
      if (kept.length === MOST_KEPT) buffers.letGo(kept.shift()!.buffer);
      own = { buffer: buffers.hold(size, usage), content, usedAt: now };
      kept.push(own);
    }
    queue.writeBuffer(own.buffer, 0, values);
    return own;
  });
  try {
    run(found.buffer);
  } finally {
    // There may have been a submission between the launches.
    found.usedAt = buffers.submissions;
  }
}

function keptOf(backend: StrictWebGPUBackend): Kept[] {
  const { buffers, launches: { generation } } = backend;
  const last = numbersOf.get(backend);
  if (last?.generation === generation) return last.kept;
  last?.kept.forEach(({ buffer }) => buffers.letGo(buffer));
  const kept: Kept[] = [];
  numbersOf.set(backend, { generation, kept });
  return kept;
}
