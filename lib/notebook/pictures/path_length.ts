type Point = readonly [x: number, y: number];

/** The length of a path of straight lines, such as `M0,0L3,4`. */
export function pathLength(path: string): number {
  return segmentsOf(path).reduce((sum, { length }) => sum + length, 0);
}

/** The point at a distance along a path of straight lines. */
export function pointAtLength(
  path: string,
  distance: number,
): { x: number; y: number } {
  let left = Math.max(0, distance);
  let point = { x: 0, y: 0 };
  for (const { from, to, length } of segmentsOf(path)) {
    const share = length > 0 ? Math.min(1, left / length) : 1;
    point = {
      x: from[0] + share * (to[0] - from[0]),
      y: from[1] + share * (to[1] - from[1]),
    };
    left -= length;
    if (left <= 0) break;
  }
  return point;
}

function segmentsOf(path: string) {
  if (/[^ML\d\s,.e+-]/.test(path)) {
    throw new Error(
      `the length of a path that is curved is not known: ${path}`,
    );
  }
  const numbers = path.match(/-?[\d.]+(?:e-?\d+)?/g)?.map(Number) ?? [0, 0];
  const points: Point[] = [];
  for (let i = 0; i + 1 < numbers.length; i += 2) {
    points.push([numbers[i]!, numbers[i + 1]!]);
  }
  if (points.length === 1) points.push(points[0]!);
  return points.slice(1).map((to, i) => {
    const from = points[i]!;
    return { from, to, length: Math.hypot(to[0] - from[0], to[1] - from[1]) };
  });
}
