/** The picture at the top of the page to try: a word that two sweeps reach. @module */
import { decayMask, selectiveDecay, useBackend } from "@lionjs/lion";
import * as tf from "@tensorflow/tfjs-core";
import { escapeHTML } from "../../lib/notebook/jupyter/html.ts";

/** Where the page has its place. */
const PLACE = "<!-- the picture of the idea -->";

/** A sentence, and how much each word lets pass: words that carry meaning hold back more. */
export const SENTENCE = [
  ["We", 0.9],
  ["sat", 0.75],
  ["on", 0.95],
  ["the", 0.97],
  ["bank", 0.8],
  ["and", 0.95],
  ["watched", 0.75],
  ["the", 0.97],
  ["river", 0.8],
] as const;

/** The word whose row of the mask is drawn: what it means is said after it. */
export const CHOSEN = 4;

/** The height of a bar of weight 1, and of what is above it. */
const [HEIGHT, TOP] = [86, 4];

/** A word's width in the drawing, of so many for a character, and what is around it. */
const [CHARACTER, AROUND] = [7.2, 14];

/** The page with the picture in its place. */
export async function withIdea(html: string): Promise<string> {
  const picture = ideaPicture(await chosenRow());
  return html.replace(PLACE, () => picture);
}

/** How much of each word the mask of LION-S leaves for the chosen one, 0 to 1. */
export async function chosenRow(): Promise<number[]> {
  await useBackend({ prefer: ["cpu"] });
  const length = SENTENCE.length;
  const row = tf.tidy(() => {
    const logDecay = tf.log(SENTENCE.map(([, decay]) => decay));
    const decay = selectiveDecay(tf.reshape(logDecay, [1, 1, length]));
    const mask = tf.reshape(decayMask(decay, length), [length, length]);
    return tf.gather(mask, CHOSEN);
  });
  const weights = [...await row.data()];
  row.dispose();
  return weights;
}

/** A bar for each word: those before the chosen one, itself, and those after it. */
function ideaPicture(weights: readonly number[]): string {
  const base = TOP + HEIGHT;
  const parts: string[] = [];
  const middles: number[] = [];
  let left = 0;
  for (const [at, [word]] of SENTENCE.entries()) {
    const width = CHARACTER * word.length + AROUND;
    const height = HEIGHT * weights[at]!;
    const side = at < CHOSEN ? "forward" : at > CHOSEN ? "backward" : "own";
    const middle = left + width / 2;
    // How many words the sweep has read before it is there.
    const step = side === "backward" ? SENTENCE.length - 1 - at : at;
    parts.push(
      `<rect class="${side} step-${step}" x="${fixed(left + 2)}" y="${
        fixed(base - height)
      }" width="${fixed(width - 4)}" height="${fixed(height)}"/>`,
      `<text class="${side}" x="${fixed(middle)}" y="${base + 19}">${
        escapeHTML(word)
      }</text>`,
    );
    middles.push(middle);
    left += width;
  }
  const y = base + 34;
  const bank = middles[CHOSEN]!;
  return `<svg id="idea" role="img" viewBox="0 0 ${fixed(left)} ${
    y + 26
  }" aria-label="${
    escapeHTML(
      `What the word “bank” hears of “${
        SENTENCE.map(([word]) => word).join(" ")
      }”: of “river”, which comes after it, ${
        (100 * weights.at(-1)!).toFixed(0)
      } %`,
    )
  }">
${parts.join("\n")}
<path class="line" d="M0 ${base}h${fixed(left)}v1H0z"/>
<path class="forward" d="M2 ${y - 1}H${fixed(bank - 15)}v-4l9 5-9 5v-4H2z"/>
<path class="backward" d="M${fixed(left - 2)} ${y - 1}H${
    fixed(bank + 15)
  }v-4l-9 5 9 5v-4H${fixed(left - 2)}z"/>
<text class="forward start" x="2" y="${y + 20}">from the left</text>
<text class="backward end" x="${fixed(left - 2)}" y="${
    y + 20
  }">from the right</text>
</svg>`;
}

function fixed(value: number): string {
  return `${Number(value.toFixed(1))}`;
}
