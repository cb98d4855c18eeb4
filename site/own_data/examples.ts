/// <reference lib="dom" />
/** Data for visitors who have none at hand, made when they are asked for. @module */
import type { NamedFile } from "./calls.ts";

/** Reviews of each class, a few of which say the same and are left out. */
const REVIEWS = 80;

/** What reviews are of, and what they say in praise and in blame. */
const [THINGS, WHERE] = [
  ["soup", "fish", "coffee", "bread", "salad", "dessert", "pizza", "tea"],
  ["on the terrace", "at noon", "in the evening", "for two", "by the window"],
];
const WORDS = {
  praise: ["fresh", "excellent", "wonderful", "tasty", "perfect", "lovely"],
  blame: ["stale", "dreadful", "cold", "bland", "awful", "disappointing"],
} as const;
const ENDS = {
  praise: ["we will come again", "thank you", "a place to remember"],
  blame: ["never again", "we left early", "the bill was a joke"],
} as const;

/** Pictures of each class, and the pixels of a side. */
const [PICTURES, SIDE] = [40, 48];

/** Draws each class around the middle, at a size. */
const SHAPES: Readonly<
  Record<string, (pen: CanvasRenderingContext2D, size: number) => void>
> = {
  circle: (pen, size) => pen.arc(0, 0, size, 0, 2 * Math.PI),
  square: (pen, size) => pen.rect(-size, -size, 2 * size, 2 * size),
  triangle: (pen, size) => {
    pen.moveTo(0, -1.2 * size);
    pen.lineTo(1.2 * size, size);
    pen.lineTo(-1.2 * size, size);
    pen.closePath();
  },
};

/** A table of short reviews in praise and in blame, no two of which are the same. */
export function exampleReviews(): NamedFile[] {
  const rows = (Object.keys(WORDS) as (keyof typeof WORDS)[]).flatMap((label) =>
    Array.from({ length: REVIEWS }, (_, i) => {
      // The numbers of words have no common divisor with the steps.
      const pick = (words: readonly string[], step: number) =>
        words[(i * step + Math.floor(i / words.length)) % words.length]!;
      const [first, second] = [pick(WORDS[label], 1), pick(WORDS[label], 5)];
      const text = `The ${pick(THINGS, 3)} ${pick(WHERE, 2)} was ${first}${
        first === second ? "" : ` and ${second}`
      }; ${pick(ENDS[label], 1)}.`;
      return `"${text}",${label}`;
    })
  );
  const table = ["review,opinion", ...new Set(rows)].join("\n");
  return [{
    path: "reviews.csv",
    file: new File([table], "reviews.csv", { type: "text/csv" }),
  }];
}

/** A folder of drawn shapes, by their names: of any colour, size and place. */
export function exampleShapes(): Promise<NamedFile[]> {
  return Promise.all(
    Object.keys(SHAPES).flatMap((shape) =>
      Array.from({ length: PICTURES }, async (_, i) => ({
        path: `shapes/${shape}/${i}.png`,
        file: new File([await drawn(shape)], `${i}.png`, { type: "image/png" }),
      }))
    ),
  );
}

function drawn(shape: string): Promise<Blob> {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const pen = canvas.getContext("2d")!;
  const between = (low: number, high: number) =>
    low + (high - low) * Math.random();
  const colour = (light: number) =>
    `hsl(${between(0, 360)} 60% ${light + between(-8, 8)}%)`;
  pen.fillStyle = colour(80);
  pen.fillRect(0, 0, SIDE, SIDE);
  pen.translate(between(18, 30), between(18, 30));
  pen.fillStyle = colour(35);
  pen.beginPath();
  SHAPES[shape]!(pen, between(9, 14));
  pen.fill();
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) =>
        blob ? resolve(blob) : reject(new Error("no picture could be drawn")),
    )
  );
}
