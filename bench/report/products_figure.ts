/** Matrix products: tfjs's on a backend, PyTorch's beside it. @module */
import * as tf from "@tensorflow/tfjs-core";
import { array, uniform } from "../../tests/random.ts";
import { type Cost, type OpenGroup, startBackend } from "../group.ts";
import { readTensors, timeTensors, usageOf } from "../../measure/tensors.ts";
import { difference } from "../../measure/timing.ts";
import type { NamedArray } from "../peers/peer_process.ts";
import { peerContender, TORCH, type TorchPeer } from "../peers/torch.ts";
import type { FigureMaker } from "./figure.ts";

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

/** A dense layer's product in all transposes, as its gradients need them, and a batch of small ones. */
export const products: FigureMaker = {
  seconds: { gpu: 10, wasm: 15, software: 10, cpu: 0 },
  async measure({ info, threads, quick, peers }, collector) {
    await startBackend(info.name, threads);
    const torch = info.name === "wasm" ? peers.scan : null;
    for (const product of quick ? PRODUCTS.slice(-1) : PRODUCTS) {
      const { batch, rows, inner, columns, transposeA, transposeB } = product;
      // As BLAS names them: normal or transposed.
      const operands = [transposeA, transposeB].map((t) => t ? "T" : "N");
      await collector.measure(
        {
          panel: `${batch} × ${rows}×${inner}×${columns} ${operands.join("")}`,
          at: rows,
        },
        ["tf.matMul", ...torch ? [TORCH] : []],
        (names) => open(product, names.includes(TORCH) ? torch : null),
      );
    }
    return { settings: { precision: "32 bits" } };
  },
};

async function open(
  product: Product,
  torch: TorchPeer | null,
): Promise<OpenGroup> {
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
    baseline: "tf.matMul",
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
