import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { LION_JOBS } from "../../../lib/kernels/wasm/jobs.ts";
import { LION_MODULE } from "../../../lib/kernels/wasm/module.ts";
import { loadModule } from "../../../lib/tfjs/wasm/binary.ts";
import { type Heap, KernelHost } from "../../../lib/tfjs/wasm/host.ts";
import { QUEUE } from "../../../lib/tfjs/wasm/jobs.ts";
import { align } from "../../../lib/tfjs/wasm/queue.ts";
import {
  startThread,
  type ThreadStart,
} from "../../../lib/tfjs/wasm/thread.ts";
import {
  type AttentionRecord,
  heapOf,
  jobIn,
  MANY,
  solve,
} from "../../kernels/wasm/attention_job.ts";

const MODULES = [await loadModule(LION_MODULE)];

/** What one thread computes. */
function alone(): number[] {
  const heap = heapOf(true);
  return solve(new KernelHost(heap, MODULES), heap, jobIn(heap));
}

const expected = alone();

/** A heap that gives out again what was freed last, as allocators do. */
function reusingHeap(): Heap & {
  readonly freed: number[];
  readonly given: number[];
} {
  const heap = heapOf(true);
  const sizes = new Map<number, number>();
  const freed: number[] = [], given: number[] = [];
  return {
    memory: heap.memory,
    freed,
    given,
    allocate: (bytes) => {
      const at = freed.findLastIndex((address) => sizes.get(address)! >= bytes);
      const address = at >= 0 ? freed.splice(at, 1)[0]! : heap.allocate(bytes);
      if (at < 0) sizes.set(address, bytes);
      given.push(address);
      return address;
    },
    free: (address) => {
      assert(!freed.includes(address), "freed twice");
      freed.push(address);
    },
  };
}

/** A thread that started and then began with a job, as far as the queue says. */
function countAsActive({ memory, queue }: ThreadStart): void {
  for (const field of ["ready", "active"] as const) {
    write(memory, queue, field, 1);
  }
}

/** A field of a queue, as an index into the memory's integers. */
function indexOf(queue: number, field: keyof typeof QUEUE): number {
  return (queue >> 2) + Object.keys(QUEUE).indexOf(field);
}

function read(
  { buffer }: WebAssembly.Memory,
  queue: number,
  field: keyof typeof QUEUE,
): number {
  return new Int32Array(buffer)[indexOf(queue, field)]!;
}

function write(
  { buffer }: WebAssembly.Memory,
  queue: number,
  field: keyof typeof QUEUE,
  value: number,
): void {
  Atomics.store(new Int32Array(buffer), indexOf(queue, field), value);
}

/** Gives back the arrays of a job. */
function freeAll(host: KernelHost, job: AttentionRecord): void {
  for (
    const [field, type] of Object.entries(
      LION_JOBS.chunkwiseForward.fields,
    )
  ) {
    const value = job[field as keyof typeof job];
    // 0 is where there is no array.
    if (type === "usize" && value !== 0) host.free(value);
  }
}

Deno.test("overlapping changes of the threads take their turns", async () => {
  const heap = heapOf(true);
  let started = 0, ended = 0, most = 0;
  const host = new KernelHost(heap, MODULES, {
    start: (options) => {
      const thread = startThread(options);
      most = Math.max(most, ++started - ended);
      return { stop: () => (ended++, thread.stop()) };
    },
  });
  const job = jobIn(heap);
  const changes = [3, 2, 4, 4, 1, 3].map((threads) => host.useThreads(threads));
  // Jobs go on meanwhile.
  for (let i = 0; i < 20; i++) {
    assertEquals(solve(host, heap, job), expected);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(changes);
  assertEquals(host.threads, 3);
  assertEquals(solve(host, heap, job), expected);
  assertEquals(started, 2 + 1 + 3 + 2);
  assert(most <= 3 + 1, `${most} threads at once`);
  await host.close();
  assertEquals(ended, started);
});

Deno.test("a thread that never answers is an error in time, and changes nothing", async () => {
  const heap = heapOf(true);
  let answers = true;
  const host = new KernelHost(heap, MODULES, {
    patience: 300,
    start: (options) => answers ? startThread(options) : { stop: () => {} },
  });
  await host.useThreads(2);
  answers = false;
  const begun = performance.now();
  await assertRejects(
    () => host.useThreads(3),
    Error,
    "2 of 2 threads of WebAssembly did not answer within 0.3 s",
  );
  assert(performance.now() - begun < 5000);
  assertEquals(host.threads, 2);
  assertEquals(solve(host, heap, jobIn(heap)), expected);
  await host.close();
});

Deno.test("a worker that fails to load is an error at once, with its cause", async () => {
  const cause = new Error("blocked");
  const host = new KernelHost(heapOf(true), MODULES, {
    start: () => ({ error: cause, stop: () => {} }),
  });
  const error = await assertRejects(
    () => host.useThreads(2),
    Error,
    "a thread of WebAssembly did not start: blocked",
  );
  assertEquals(error.cause, cause);
  assertEquals(host.threads, 1);
});

Deno.test("what a thread given up may write is not used again until it has left", async () => {
  const heap = reusingHeap();
  const queues: number[] = [];
  const host = new KernelHost(heap, MODULES, {
    patience: 100,
    start: (options) => {
      queues.push(options.queue);
      countAsActive(options);
      return { stop: () => {} };
    },
  });
  const job = jobIn(heap);
  await host.useThreads(2);
  const beside = heap.allocate(64);
  const options = { ...MANY, written: [beside] };
  assertThrows(
    () => host.run(LION_JOBS.chunkwiseBackward, job, options),
    Error,
    "died",
  );
  host.free(beside);
  // As tfjs does with the outputs of a kernel that throws.
  host.free(job.y);
  host.free(job.dq);
  const start = read(heap.memory, queues[0]!, "scratch");
  const scratch = heap.given.findLast((address) => align(address) === start)!;
  const held = [scratch, job.y, job.dq, beside];
  const another = heap.allocate(64);
  host.free(another);
  assert(heap.freed.includes(another));

  heap.given.length = 0;
  assertEquals(solve(host, heap, jobIn(heap)), expected);
  for (const address of held) {
    assert(!heap.freed.includes(address) && !heap.given.includes(address));
  }

  write(heap.memory, queues[0]!, "left", 1);
  host.free(heap.allocate(64));
  for (const address of held) assert(heap.freed.includes(address));
  await host.close();
});

Deno.test("threads given up while they compute spoil no job after", async () => {
  const heap = reusingHeap();
  const host = new KernelHost(heap, MODULES, {
    start: (options) => {
      // Whoever has to wait for another thread at all gives it up.
      write(heap.memory, options.queue, "patience", 0);
      return startThread(options);
    },
  });
  let givenUp = 0;
  const attempt = () => {
    const job = jobIn(heap);
    try {
      assertEquals(solve(host, heap, job), expected);
    } catch (error) {
      if (!String(error).includes("died")) throw error;
      givenUp++;
    } finally {
      freeAll(host, job);
    }
  };
  const { warn } = console;
  // Other threads do the same, which is warned of.
  console.warn = () => {};
  const begun = performance.now();
  // Where other processes have the processors, threads seldom come in time.
  while (givenUp < 3 && performance.now() - begun < 60_000) {
    await host.useThreads(4);
    for (let i = 0; i < 3; i++) attempt();
  }
  console.warn = warn;
  assert(givenUp > 0, "no thread was given up");
  await host.close();
});
