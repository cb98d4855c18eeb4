/** Matrix products: tfjs's on a backend, PyTorch's beside it. @module */
import { TORCH } from "./figures.ts";
import * as tf from "@tensorflow/tfjs-core";
import type { BackendName } from "@lionjs/lion";
import { array, uniform } from "../tests/random.ts";
import {
  type Cost,
  type Group,
  type OpenGroup,
  readTensors,
  startBackend,
  timeTensors,
  usageOf,
} from "./group.ts";
import { difference } from "./measure.ts";
import type { NamedArray } from "./peers/peer_process.ts";
import { peerContender, type TorchPeer } from "./peers/torch.ts";

/** A product of `batch` matrices, [rows, inner] × [inner, columns]; transposed ones are stored so. */
interface Product {
  readonly batch: number;
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

const PRODUCTS: readonly Product[] = [
  ...[false, true].flatMap((transposeA) =>
    [false, true].map((transposeB) => ({
      batch: 1,
      rows: 1024,
      inner: 256,
      columns: 256,
      transposeA,
      transposeB,
    }))
  ),
  {
    batch: 32,
    rows: 64,
    inner: 64,
    columns: 64,
    transposeA: false,
    transposeB: false,
  },
];

/** Where and beside whom products are timed. */
export interface MatmulChoice {
  readonly backend: BackendName;
  readonly threads: number;
  readonly torch: TorchPeer | null;
}

/** A dense layer's product in all transposes, as its gradients need them, and a batch of small ones. */
export function matmulGroups(choice: MatmulChoice): Group[] {
  return PRODUCTS.map((product) => {
    const { batch, rows, inner, columns, transposeA, transposeB } = product;
    return {
      section: "matmul",
      backend: choice.backend,
      parameters: {
        batch,
        size: `${rows}×${inner}×${columns}`,
        // As BLAS names them: normal or transposed.
        operands: [transposeA, transposeB].map((t) => t ? "T" : "N").join(""),
      },
      open: () => open(product, choice),
    };
  });
}

async function open(
  product: Product,
  { backend, threads, torch }: MatmulChoice,
): Promise<OpenGroup> {
  await startBackend(backend, threads);
  const { transposeA, transposeB } = product;
  const [a, b] = operandsOf(product);
  const tensors = [a, b].map(({ values, shape }) =>
    tf.tensor3d(values, shape as [number, number, number])
  ) as [tf.Tensor3D, tf.Tensor3D];
  const expected = productInFloat64(product, a.values, b.values);
  const check = ([c]: Float32Array[]) =>
    difference("the product", [[c!, expected]], 1e-5);
  const run = () => [tf.matMul(...tensors, transposeA, transposeB)];
  const cost = costOf(product);
  await torch?.prepare({
    work: "matmul",
    options: { transpose_a: transposeA, transpose_b: transposeB },
    tensors: [a, b],
  });
  return {
    contenders: [
      {
        name: "tf.matMul",
        check: async () => check(await readTensors(run)),
        run: () => timeTensors(run),
        cost,
        usage: () => usageOf(run),
      },
      ...(torch ? [peerContender(torch, check, cost)] : []),
    ],
    baseline: torch ? TORCH : "tf.matMul",
    close: async () => {
      tf.dispose(tensors);
      await torch?.release();
    },
  };
}

function costOf({ batch, rows, inner, columns }: Product): Cost {
  const numbers = rows * inner + inner * columns + rows * columns;
  return {
    operations: 2 * batch * rows * inner * columns,
    bytes: 4 * batch * numbers,
    peakBytes: 4 * batch * numbers,
  };
}

function operandsOf(
  { batch, rows, inner, columns, transposeA, transposeB }: Product,
): [NamedArray, NamedArray] {
  const random = uniform(rows);
  const operand = (name: string, shape: number[], transposed: boolean) => ({
    name,
    shape: [batch, ...(transposed ? shape.toReversed() : shape)],
    values: array(batch * shape[0]! * shape[1]!, random),
  });
  return [
    operand("a", [rows, inner], transposeA),
    operand("b", [inner, columns], transposeB),
  ];
}

function productInFloat64(
  { batch, rows, inner, columns, transposeA, transposeB }: Product,
  a: Float32Array,
  b: Float32Array,
): Float64Array {
  const product = new Float64Array(batch * rows * columns);
  const [rowStep, aStep] = transposeA ? [1, rows] : [inner, 1];
  const [bStep, columnStep] = transposeB ? [1, inner] : [columns, 1];
  for (let at = 0; at < product.length; at++) {
    const column = at % columns;
    const row = Math.floor(at / columns) % rows;
    const matrix = Math.floor(at / columns / rows);
    let fromA = matrix * rows * inner + row * rowStep;
    let fromB = matrix * inner * columns + column * columnStep;
    let sum = 0;
    for (let i = 0; i < inner; i++, fromA += aStep, fromB += bStep) {
      sum += a[fromA]! * b[fromB]!;
    }
    product[at] = sum;
  }
  return product;
}
