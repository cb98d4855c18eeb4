/** Examples of several shards, one of each by turns. @module */
import { assertIterable } from "@lionjs/base";
import type { ShardedStream } from "./sharded_stream.ts";

/** A shard that is read, and its next example. */
interface Turn {
  readonly shard: number;
  position: number;
}

/** The order in which examples of several shards are interleaved. */
export interface Interleaving {
  /** The shards in the order in which they are opened. */
  readonly order: ArrayLike<number>;
  /** The number of examples of each shard. */
  readonly counts: readonly number[];
  /** The number of shards that are read by turns. */
  readonly shardsAtOnce: number;
}

/**
 * Reads some shards by turns, an example of each; where one has ended, the next
 * of the order takes its place. Where any example lies follows from the counts,
 * so that reading can begin anywhere without what comes before.
 *
 * @throws {Error} If a shard has more or fewer examples than were counted.
 */
export async function* interleaved<E>(
  stream: ShardedStream<E>,
  interleaving: Interleaving,
  from: number,
): AsyncGenerator<E> {
  const { counts } = interleaving;
  const open = new Map<Turn, AsyncIterator<E>>();
  const iteratorOf = (turn: Turn) => {
    let iterator = open.get(turn);
    if (!iterator) {
      const { shard, position } = turn;
      const examples = stream.open(shard, position);
      assertIterable(
        `what stream's open(${shard}, ${position}) returns`,
        examples,
      );
      iterator = examples[Symbol.asyncIterator]();
      open.set(turn, iterator);
    }
    return iterator;
  };
  const miscounted = ({ shard }: Turn, got: string) =>
    new Error(
      `${stream.shards[shard]!.name} should have ${
        counts[shard]
      } examples, as were counted, got ${got}; count them anew`,
    );
  try {
    const sequence = new Sequence(interleaving);
    for (let turn = sequence.goTo(from); turn; turn = sequence.next()) {
      const iterator = iteratorOf(turn);
      const { done, value } = await iterator.next();
      if (done) throw miscounted(turn, `${turn.position}`);
      if (turn.position + 1 === counts[turn.shard]) {
        open.delete(turn);
        const { done } = await iterator.next();
        if (!done) {
          await iterator.return?.();
          throw miscounted(turn, "more");
        }
      }
      yield value;
    }
  } finally {
    await Promise.all(
      Array.from(open.values(), (iterator) => iterator.return?.()),
    );
  }
}

/** The shards whose turn it is, one after another. */
class Sequence {
  readonly #interleaving: Interleaving;
  #turns: Turn[] = [];
  /** The place in the order of the shard that is opened next. */
  #opened = 0;
  #turn = 0;

  constructor(interleaving: Interleaving) {
    this.#interleaving = interleaving;
    for (let i = 0; i < interleaving.shardsAtOnce; i++) {
      const next = this.#nextShard();
      if (next) this.#turns.push(next);
    }
  }

  /** The shard whose turn it is at an example. */
  goTo(place: number): Turn | undefined {
    let left = place;
    while (this.#turns.length > 0) {
      const rounds = Math.min(
        Math.floor(left / this.#turns.length),
        ...this.#turns.map((turn) => this.#left(turn)),
      );
      for (const turn of this.#turns) turn.position += rounds;
      left -= rounds * this.#turns.length;
      if (this.#turns.every((turn) => this.#left(turn) > 0)) break;
      this.#endRound();
    }
    for (; left > 0; left--) this.next();
    return this.#turns[this.#turn];
  }

  /** The shard whose turn comes next. */
  next(): Turn | undefined {
    this.#turns[this.#turn]!.position++;
    if (++this.#turn === this.#turns.length) this.#endRound();
    return this.#turns[this.#turn];
  }

  #left({ shard, position }: Turn): number {
    return this.#interleaving.counts[shard]! - position;
  }

  /** Replaces shards that have ended by new ones. */
  #endRound(): void {
    this.#turn = 0;
    this.#turns = this.#turns.flatMap((turn) =>
      this.#left(turn) > 0 ? [turn] : this.#nextShard() ?? []
    );
  }

  #nextShard(): Turn | undefined {
    const { order, counts } = this.#interleaving;
    while (this.#opened < order.length) {
      const shard = order[this.#opened++]!;
      if (counts[shard]! > 0) return { shard, position: 0 };
    }
    return undefined;
  }
}
