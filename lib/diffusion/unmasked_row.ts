/** A row of tokens that is being filled in. @module */
import type { Random } from "@lionjs/data/batches";
import { drawPlaces } from "./collate_diffusion.ts";
import {
  doubtOf,
  type Prediction,
  surest,
  type UnmaskOrder,
} from "./place_order.ts";
import { type DrawOptions, drawToken } from "./token_choice.ts";

/** How a row is filled in. */
export interface RowOptions extends DrawOptions {
  readonly maskToken: number;
  readonly order: UnmaskOrder;
  readonly steps: number | undefined;
  readonly tokensPerStep: number;
  readonly threshold: number;
  readonly blockLength: number;
  readonly remask: number;
}

/** A row of tokens, of which the model fills in those that are the mask. */
export class UnmaskedRow {
  readonly ids: number[];
  /** The places in the order in which they opened. */
  readonly order: number[] = [];
  readonly #options: RowOptions;
  readonly #random: Random;
  /** How many places open with a call, besides those that were hidden again. */
  readonly #perCall: number;
  /** How unsure the model was of a place when it opened. */
  readonly #doubts = new Map<number, number>();
  /** How many places of the block were hidden again for the next call. */
  #again = 0;

  constructor(ids: readonly number[], options: RowOptions, random: Random) {
    this.ids = [...ids];
    this.#options = options;
    this.#random = random;
    const { steps, tokensPerStep } = options;
    const hidden = this.#hiddenIn(0, ids.length).length;
    this.#perCall = steps === undefined
      ? tokensPerStep
      : Math.ceil(hidden / steps);
  }

  /** The first block that has hidden places, from its first place on; `undefined` at the end. */
  get block(): { first: number; end: number } | undefined {
    const { blockLength, maskToken } = this.#options;
    const place = this.ids.indexOf(maskToken);
    if (place < 0) return undefined;
    if (blockLength === Infinity) return { first: 0, end: this.ids.length };
    const first = place - place % blockLength;
    return { first, end: Math.min(first + blockLength, this.ids.length) };
  }

  /** The hidden places of the block, which the model is asked for. */
  get hidden(): number[] {
    const { block } = this;
    return block ? this.#hiddenIn(block.first, block.end) : [];
  }

  /** Opens places of the block, given the probabilities of the ids of all that are hidden. */
  open(probabilities: ReadonlyMap<number, Float64Array>): void {
    const { order, threshold } = this.#options;
    const predictions = new Map<number, Prediction>();
    const predict = (place: number) => {
      const known = predictions.get(place);
      if (known) return known;
      const own = probabilities.get(place)!;
      const id = drawToken(own, this.#options, this.#random);
      const prediction = { place, probabilities: own, id };
      predictions.set(place, prediction);
      return prediction;
    };
    const doubt = (place: number) => doubtOf(predict(place), "confidence");
    const places = [...probabilities.keys()];
    const count = this.#perCall + this.#again;
    const chosen = order === "left-to-right"
      ? places.slice(0, count)
      : order === "random"
      ? drawPlaces([...places], Math.min(count, places.length), this.#random)
      : surest(
        places.map((place) => [place, doubtOf(predict(place), order)]),
        count,
      );
    if (threshold < Infinity) {
      const others = places.filter((place) => !chosen.includes(place));
      chosen.push(...others.filter((place) => 1 - doubt(place) >= threshold));
    }
    for (const place of chosen) {
      this.ids[place] = predict(place).id;
      this.order.push(place);
      this.#doubts.set(place, doubt(place));
    }
    this.#again = 0;
  }

  /** Hides the least sure of the block's own tokens again, unless the block is complete. */
  hideAgain(): void {
    const { remask, maskToken } = this.#options;
    const { block } = this;
    if (remask === 0 || !block) return;
    const own = this.order
      .filter((place) => place >= block.first && place < block.end)
      .sort((a, b) => a - b);
    // The larger its doubt, the sooner a place is chosen.
    const doubts = own.map((place) =>
      [place, 1 / this.#doubts.get(place)!] as const
    );
    const places = surest(doubts, Math.floor(remask * own.length));
    for (const place of places) {
      this.ids[place] = maskToken;
      this.order.splice(this.order.indexOf(place), 1);
    }
    this.#again = places.length;
  }

  #hiddenIn(first: number, end: number): number[] {
    const { maskToken } = this.#options;
    const places: number[] = [];
    for (let place = first; place < end; place++) {
      if (this.ids[place] === maskToken) places.push(place);
    }
    return places;
  }
}
