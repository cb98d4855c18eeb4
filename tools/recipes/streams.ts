/** What recipes make of batches. @module */
import type { BatchStream } from "@lionjs/lion/data";

/** Batches of several streams, in turns: each of them is of one kind. */
export function inTurns(streams: readonly BatchStream[]): BatchStream {
  const count = streams.length;
  return {
    stepsPerEpoch: streams.reduce(
      (sum, { stepsPerEpoch }) => sum + stepsPerEpoch,
      0,
    ),
    async *from(start) {
      const turns = streams.map((stream, i) =>
        stream.from(Math.max(0, Math.ceil((start - i) / count)))
          [Symbol.asyncIterator]()
      );
      try {
        for (let step = start;; step++) {
          const { value, done } = await turns[step % count]!.next();
          if (done) return;
          yield value;
        }
      } finally {
        await Promise.all(turns.map((turn) => turn.return?.()));
      }
    },
  };
}

/** The batches of several passes, one after another. */
export async function* afterEachOther<B>(
  passes: readonly AsyncIterable<B>[],
): AsyncIterable<B> {
  for (const pass of passes) yield* pass;
}
