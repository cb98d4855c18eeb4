/** What streaming reads, writes, tells and disposes of, and when it ends. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  fixedDecay,
  noDecay,
  streamBidirectional,
  type StreamSource,
} from "../../mod.ts";
import type { StreamProgress } from "../../lib/attention/streaming/stream.ts";
import { onEachBackend } from "../backends.ts";
import { cut, small } from "../subjects/stream.ts";

/** A source that writes down what is asked of it. */
function followed(source: StreamSource, log: string[]): StreamSource {
  return {
    ...source,
    read(start, end) {
      log.push(`read ${start}, ${end}`);
      return source.read(start, end);
    },
  };
}

onEachBackend(
  "streamBidirectional() reads from the right, then from the left, and tells",
  async () => {
    const { whole, source } = small();
    const log: string[] = [];
    const reports: StreamProgress[] = [];
    const write = (start: number, y: tf.Tensor4D) => {
      log.push(`write ${start}`);
      assertEquals(y.shape, [1, 2, Math.min(4, 10 - start), 5]);
    };
    const onProgress = (progress: StreamProgress) => reports.push(progress);
    await streamBidirectional(followed(source, log), write, { onProgress });
    const outputs = [
      "read 0, 4",
      "write 0",
      "read 4, 8",
      "write 4",
      "read 8, 10",
      "write 8",
    ];
    assertEquals(log, ["read 8, 10", "read 4, 8", ...outputs]);
    assertEquals(reports, [
      { pass: "states", done: 2, total: 16 },
      { pass: "states", done: 6, total: 16 },
      { pass: "outputs", done: 10, total: 16 },
      { pass: "outputs", done: 14, total: 16 },
      { pass: "outputs", done: 16, total: 16 },
    ]);

    log.length = reports.length = 0;
    await streamBidirectional(followed(source, log), write, {
      causal: true,
      onProgress,
    });
    assertEquals(log, outputs);
    assertEquals(reports.map(({ done, total }) => [done, total]), [
      [4, 10],
      [8, 10],
      [10, 10],
    ]);
    tf.dispose({ ...whole });
  },
);

onEachBackend(
  "streamBidirectional() disposes of what is read and of what is written",
  async () => {
    const { whole, source } = small();
    const logDecay = tf.tensor1d([-0.1, -1]);
    const seen: tf.Tensor[] = [];
    const before = tf.memory().numTensors;
    await streamBidirectional({
      ...source,
      read(start, end) {
        const { q, k, v } = cut({ ...whole, decay: noDecay() }, start, end);
        const mask = tf.ones<tf.Rank.R2>([1, end - start]);
        seen.push(q, k, v, mask);
        return { q, k, v, mask, decay: fixedDecay(logDecay) };
      },
    }, (_start, y) => void seen.push(y));
    assertEquals(tf.memory().numTensors, before);
    assert(seen.every((x) => x.isDisposed));
    // A fixed decay is no segment's.
    assert(!logDecay.isDisposed);
    tf.dispose([logDecay, { ...whole }] as tf.TensorContainer);
  },
);

onEachBackend("streamBidirectional() ends when it is told to", async () => {
  const { whole, source } = small();
  const reason = new RangeError("enough");
  const total = 16;
  // Before the first segment, within the first pass, at its end, and within the second.
  for (
    const [at, pass] of [[0], [2, "states"], [6, "states"], [10, "outputs"]]
  ) {
    const controller = new AbortController();
    const { signal } = controller;
    if (at === 0) controller.abort(reason);
    const reports: StreamProgress[] = [];
    const before = tf.memory().numTensors;
    const failure = await assertRejects(
      () =>
        streamBidirectional(source, () => {}, {
          signal,
          onProgress(progress) {
            reports.push(progress);
            if (progress.done === at) controller.abort(reason);
          },
        }),
      Error,
    );
    assert(failure === reason);
    assertEquals(reason.message, "enough");
    assertEquals(tf.memory().numTensors, before);
    const last = reports.at(-1);
    assertEquals(last, at ? { pass, done: at, total } : undefined);
  }
  // While it reads, and by a timer, though the source waits for nothing.
  const controller = new AbortController();
  let reads = 0;
  await assertRejects(
    () =>
      streamBidirectional(
        {
          ...source,
          read(start, end) {
            reads++;
            controller.abort();
            return source.read(start, end);
          },
        },
        () => {},
        { signal: controller.signal },
      ),
    DOMException,
    "aborted",
  );
  assertEquals(reads, 1);
  const later = new AbortController();
  setTimeout(() => later.abort());
  await assertRejects(
    () =>
      streamBidirectional({ ...source, segmentLength: 1 }, () => {}, {
        signal: later.signal,
      }),
    DOMException,
    "aborted",
  );
  tf.dispose({ ...whole });
});

onEachBackend("streamBidirectional() ends where it waits", async () => {
  const { whole, source } = small();
  const before = tf.memory().numTensors;
  const reason = new RangeError("enough");
  // The first reads are of the first pass; after four of them come the writes.
  for (
    const [what, at] of [["read", 1], ["read", 2], ["read", 4], [
      "write",
      2,
    ]] as const
  ) {
    for (const comes of ["never", "late", "failing"]) {
      const controller = new AbortController();
      const late = Promise.withResolvers<void>();
      const counts = { read: 0, write: 0 };
      const step = (name: "read" | "write") => {
        if (++counts[name] !== at || name !== what) return;
        setTimeout(() => controller.abort(reason));
        return late.promise;
      };
      const failure = await assertRejects(
        () =>
          streamBidirectional(
            {
              ...source,
              async read(start, end) {
                await step("read");
                return source.read(start, end);
              },
            },
            () => step("write"),
            { signal: controller.signal },
          ),
        Error,
      );
      assert(failure === reason);
      assertEquals(counts[what], at);
      if (comes === "late") late.resolve();
      if (comes === "failing") late.reject(new Error("late"));
      await new Promise((resolve) => setTimeout(resolve, 5));
      assertEquals(tf.memory().numTensors, before, `${what} ${at} ${comes}`);
    }
  }
  tf.dispose({ ...whole });
});
