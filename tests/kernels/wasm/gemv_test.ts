import { assert, assertAlmostEquals } from "@std/assert";
import { JOBS } from "../../../lib/tfjs/wasm/jobs.ts";
import { array, uniform } from "../../random.ts";
import { arraysIn, runGuarded } from "./guarded_host.ts";

/** A product of few rows. */
interface Product {
  readonly batch?: number;
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
}

const PRODUCTS: readonly Product[] = [
  { rows: 1, inner: 1, columns: 1 },
  { rows: 1, inner: 7, columns: 13 },
  { rows: 2, inner: 8, columns: 8 },
  { rows: 3, inner: 19, columns: 2 },
  { rows: 4, inner: 16, columns: 67 },
  { rows: 5, inner: 33, columns: 3 },
  { rows: 6, inner: 9, columns: 11 },
  { rows: 7, inner: 30, columns: 21 },
  { rows: 8, inner: 65, columns: 31 },
  { rows: 16, inner: 12, columns: 5 },
  // Several tasks with sums of the same columns, or with their own.
  { rows: 1, inner: 701, columns: 131 },
  { rows: 3, inner: 530, columns: 129 },
  { rows: 8, inner: 1201, columns: 66 },
  // Too wide for rows to be read one after the other, and for one task.
  { rows: 1, inner: 23, columns: 2565 },
  { rows: 2, inner: 41, columns: 4103 },
  { batch: 3, rows: 2, inner: 17, columns: 9 },
  { batch: 2, rows: 3, inner: 700, columns: 131 },
  { batch: 20, rows: 1, inner: 300, columns: 70 },
];

/** What surrounds each array: it must neither be read nor written. */
const AROUND = 5;

/** Makes a product of numbers among NaN; returns what came and what should. */
function multiply(
  { batch = 1, rows, inner, columns }: Product,
  { transposeA, transposeB, hasBias }: Record<string, boolean>,
): { got: Float32Array; around: Float32Array[]; wanted: Float64Array } {
  const random = uniform(rows * inner + columns);
  const { input, output } = arraysIn();
  const around = [output(AROUND)];
  const separated = (array: Float32Array<ArrayBufferLike>) => {
    around.push(output(AROUND));
    return array;
  };
  const place = (size: number) => separated(input(array(size, random)));
  const a = place(batch * rows * inner), b = place(batch * inner * columns);
  const bias = place(columns), c = separated(output(batch * rows * columns));
  const job = {
    batch,
    rows,
    inner,
    columns,
    transposeA: Number(transposeA),
    transposeB: Number(transposeB),
    a: a.byteOffset,
    b: b.byteOffset,
    c: c.byteOffset,
    bias: hasBias ? bias.byteOffset : 0,
  };
  runGuarded(JOBS.gemv, job, (memory, address) => {
    const places = new Int32Array(memory, address, 2 * batch);
    for (let i = 0; i < batch; i++) {
      places.set([i * rows * inner, i * inner * columns], 2 * i);
    }
  });
  const wanted = Float64Array.from(c, (_, at) => {
    const column = at % columns, row = Math.floor(at / columns) % rows;
    const matrix = Math.floor(at / columns / rows);
    let sum = hasBias ? bias[column]! : 0;
    for (let k = 0; k < inner; k++) {
      const inA = transposeA ? k * rows + row : row * inner + k;
      const inB = transposeB ? column * inner + k : k * columns + column;
      sum += a[matrix * rows * inner + inA]! *
        b[matrix * inner * columns + inB]!;
    }
    return sum;
  });
  return { got: c, around, wanted };
}

Deno.test("products of few rows are right, and read and write nothing beside them", () => {
  const both = [false, true];
  for (const product of PRODUCTS) {
    for (const transposeA of both) {
      for (const transposeB of both) {
        for (const hasBias of both) {
          const how = { transposeA, transposeB, hasBias };
          const { got, around, wanted } = multiply(product, how);
          const label = JSON.stringify({ ...product, ...how });
          const tolerance = 1e-6 * Math.sqrt(product.inner) + 1e-6;
          wanted.forEach((x, i) =>
            assertAlmostEquals(got[i]!, x, tolerance, label)
          );
          for (const values of around) assert(values.every(isNaN), label);
        }
      }
    }
  }
});
