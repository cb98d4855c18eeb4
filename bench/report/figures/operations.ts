/** Single operations of TensorFlow.js, and matrix products, beside PyTorch's. @module */
import * as tf from "@tensorflow/tfjs-core";
import { array, uniform } from "../../../tests/random.ts";
import { difference } from "../../measure/timing.ts";
import { groupOf, once, type OpenGroup, tensorContender } from "../../group.ts";
import type { NamedArray, PeerWork } from "../../peers/peer_process.ts";
import {
  type NamedPeer,
  peerContender,
  prepareFastest,
  TORCH,
} from "../../peers/torch.ts";
import { OPERATIONS, type SingleOperation } from "../../single_operations.ts";
import { type Figure, measuring, type Setting } from "../figure.ts";
import { OURS, THEIRS } from "../names.ts";

/** An operation, and in PyTorch if that is among the names. */
async function open(
  [ours, theirs]: readonly [ours: string, theirs: string],
  operation: Omit<SingleOperation, "choices">,
  torch: readonly NamedPeer[],
  works: readonly Pick<PeerWork, "work" | "options">[],
  names: readonly string[],
): Promise<OpenGroup> {
  const { inputs, run, check, cost } = operation;
  const tensors = inputs.map(({ name, values, shape }) => {
    const isBoolean = name === "condition";
    return tf.tensor(values, [...shape], isBoolean ? "bool" : "float32");
  });
  const peer = await prepareFastest(
    names.includes(theirs) ? torch : [],
    works.map((work) => ({ ...work, tensors: inputs })),
  );
  const checkOnce = once(([values]) => check(values!));
  const compute = () => tf.tidy(() => [run(tensors)]);
  return groupOf([
    tensorContender(ours, compute, checkOnce, cost && { cost }),
    ...peer ? [peerContender({ name: theirs, peer }, checkOnce, cost)] : [],
  ], async () => {
    tf.dispose(tensors);
    await peer?.release();
  });
}

/** The quickest of PyTorch's settings, on the cores of WebAssembly. */
const bestOf = ({ info, peers }: Setting) =>
  info.name === "wasm" ? peers.each : [];

/** PyTorch with its threads where products need them. */
const scanOf = ({ info, peers: { scan } }: Setting) =>
  info.name === "wasm" && scan ? [{ name: TORCH, peer: scan }] : [];

/** Rows and columns of the matrices: a million numbers. */
const SIDE = 1024;

const QUICK_SIDE = 32;

/** What a reader's own code consists of. */
export const operations: Figure = {
  title: "Operations, compared with PyTorch",
  short: "single operations",
  about:
    `The building blocks of code outside attention: one TensorFlow.js operation on a
million numbers, or the gradient of a short chain of operations, on matrices of 1024
rows and columns; the convolution has 64 channels and 128 pixels per side. Both libraries
allocate new memory for their outputs, as ordinary code does. PyTorch's time is that
of its quickest setting: threads in the pool of OpenBLAS, of OpenMP, or of both, in
which case they sleep while they wait; and channels last or first.`,
  column: "numbers",
  torch: "pairs",
  seconds: { gpu: 30, wasm: 70, software: 0, cpu: 0 },
  unfit: "no other library runs there",
  measure: measuring({
    sizes: [SIDE],
    quick: [QUICK_SIDE],
    passes: Object.keys(OPERATIONS),
    place: (side, name) => ({ panel: name, at: side * side }),
    subjects: (asked) => [OURS, ...bestOf(asked).length > 0 ? [THEIRS] : []],
    open: (asked, names) => {
      const { size: side, pass: name } = asked;
      const { choices = [{}], ...operation } = OPERATIONS[name]!(side);
      const works = choices.map((choice) => ({
        ...{ work: "operation" as const, options: { name, ...choice } },
      }));
      return open([OURS, THEIRS], operation, bestOf(asked), works, names);
    },
    settings: (_, [side]) => ({ numbers: side! ** 2, precision: "32 bits" }),
  }),
};

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
      ...{ batch: 1, rows: 1024, inner: 256, columns: 256 },
      ...{ transposeA, transposeB },
    }))
  ),
  {
    ...{ batch: 32, rows: 64, inner: 64, columns: 64 },
    ...{ transposeA: false, transposeB: false },
  },
];

/** A dense layer's product in all transposes, as its gradients need them, and a batch of small ones. */
export const products: Figure = {
  title: "Matrix products",
  short: "matrix products",
  about:
    `The product of a dense layer in all transposes, as its gradients need them (N
is as it is, T transposed), and a batch of small products.`,
  column: "rows",
  torch: "beside",
  seconds: { gpu: 10, wasm: 15, software: 10, cpu: 0 },
  measure: measuring({
    sizes: PRODUCTS,
    quick: PRODUCTS.slice(-1),
    passes: ["product"],
    place: ({ batch, rows, inner, columns, transposeA, transposeB }) => {
      // As BLAS names them: normal or transposed.
      const operands = [transposeA, transposeB].map((t) => t ? "T" : "N");
      const sizes = `${rows}×${inner}×${columns}`;
      const panel = `${batch} × ${sizes} ${operands.join("")}`;
      return { panel, at: rows };
    },
    subjects: (
      asked,
    ) => ["tf.matMul", ...scanOf(asked).map(({ name }) => name)],
    open: (asked, names) => {
      const { transposeA, transposeB } = asked.size;
      const options = { transpose_a: transposeA, transpose_b: transposeB };
      const works = [{ work: "matmul" as const, options }];
      const operation = productOf(asked.size);
      const both = ["tf.matMul", TORCH] as const;
      return open(both, operation, scanOf(asked), works, names);
    },
    settings: () => ({ precision: "32 bits" }),
  }),
};

function productOf(product: Product): SingleOperation {
  const { batch, rows, inner, columns, transposeA, transposeB } = product;
  const random = uniform(rows);
  const operand = (name: string, shape: number[], transposed: boolean) => ({
    name,
    shape: [batch, ...(transposed ? shape.toReversed() : shape)],
    values: array(batch * shape[0]! * shape[1]!, random),
  });
  const inputs: [NamedArray, NamedArray] = [
    operand("a", [rows, inner], transposeA),
    operand("b", [inner, columns], transposeB),
  ];
  const [a, b] = inputs;
  const expected = productInFloat64(product, a.values, b.values);
  const bytes = 4 * batch * (rows * inner + inner * columns + rows * columns);
  const operations = 2 * batch * rows * inner * columns;
  return {
    inputs,
    run: ([a, b]) => tf.matMul(a!, b!, transposeA, transposeB),
    check: (values) => difference("the product", [[values, expected]], 1e-5),
    cost: { operations, bytes, peakBytes: bytes },
  };
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
