/** Digits for those who do not draw. @module */
import type { Point, Stroke } from "./strokes.ts";

/** Part of an ellipse; angles in degrees, 0 to the right and 90 downwards. */
function arc(
  middle: readonly [x: number, y: number],
  radii: readonly [x: number, y: number],
  from: number,
  to: number,
): Point[] {
  return Array.from({ length: 25 }, (_, step) => {
    const angle = (from + (to - from) * step / 24) * Math.PI / 180;
    return {
      x: middle[0] + radii[0] * Math.cos(angle),
      y: middle[1] + radii[1] * Math.sin(angle),
    };
  });
}

function way(...points: readonly [x: number, y: number][]): Point[] {
  return points.map(([x, y]) => ({ x, y }));
}

/** The strokes of each digit. */
export const EXAMPLES: readonly (readonly Stroke[])[] = [
  [arc([0.5, 0.5], [0.2, 0.3], -90, 270)],
  [way([0.54, 0.2], [0.48, 0.8])],
  [[
    ...arc([0.5, 0.36], [0.18, 0.16], -170, 40),
    ...way([0.34, 0.79], [0.7, 0.77]),
  ]],
  [[
    ...arc([0.48, 0.34], [0.17, 0.14], -160, 80),
    ...arc([0.48, 0.64], [0.2, 0.16], -80, 150),
  ]],
  [
    way([0.38, 0.22], [0.33, 0.52], [0.68, 0.5]),
    way([0.65, 0.22], [0.6, 0.82]),
  ],
  [[
    ...way([0.68, 0.2], [0.42, 0.21], [0.39, 0.46]),
    ...arc([0.48, 0.62], [0.19, 0.17], -100, 150),
  ]],
  [[
    ...way([0.6, 0.18], [0.47, 0.32], [0.38, 0.5]),
    ...arc([0.51, 0.64], [0.15, 0.15], 180, -180),
  ]],
  [way([0.32, 0.23], [0.68, 0.22], [0.47, 0.8])],
  [[
    ...arc([0.5, 0.35], [0.14, 0.15], 90, -270),
    ...arc([0.5, 0.65], [0.16, 0.15], -90, 270),
  ]],
  [[
    ...arc([0.5, 0.36], [0.15, 0.15], 0, -360),
    ...way([0.65, 0.36], [0.6, 0.82]),
  ]],
];
