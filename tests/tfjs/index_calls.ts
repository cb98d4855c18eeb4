/**
 * Calls of every kernel with an input of indices, of which one may name nothing.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import type { BackendName } from "../../mod.ts";
import { uniform } from "../random.ts";

/** What becomes of an index that names nothing: it is refused, if it is negative at least, or passed over. */
type Fate = "refused" | "refused below 0" | "passed over";

/** Types of the values that indices name. */
const DTYPES = ["float32", "int32", "bool"] as const;
type Dtype = typeof DTYPES[number];

/** A call of a kernel with indices. */
interface IndexCall {
  readonly kernel: string;
  readonly fate: Fate;
  /** The types of values that it takes. @default all */
  readonly dtypes?: readonly Dtype[];
  /** Whether an index on the GPU spoils all of the result, or only what it names. */
  readonly spoils?: "all" | "some";
  readonly run: (make: Arguments) => tf.Tensor | tf.Tensor[];
}

/** Makes the arguments of a call, the same ones on every backend. */
class Arguments {
  readonly #random: () => number;
  readonly #one: IndexCase;
  /** The index that may name nothing, once it is known. */
  odd: number | undefined;

  constructor(one: IndexCase) {
    this.#one = one;
    this.#random = uniform(one.seed);
  }

  /** An integer from 0 to below a limit. */
  below(limit: number): number {
    return Math.floor(limit * this.#random());
  }

  /** Values of the case's type, small whole numbers. */
  any(...shape: number[]): tf.Tensor {
    const { dtype } = this.#one;
    const values = Array.from(
      { length: tf.util.sizeFromShape(shape) },
      () => dtype === "bool" ? this.below(2) : this.below(9) - 4,
    );
    return tf.tensor(values, shape, dtype);
  }

  /** One such value. */
  one(): tf.Scalar {
    return this.any() as tf.Scalar;
  }

  /** Integers of one axis, of which the case replaces one. */
  ids(size: number, ...shape: number[]): tf.Tensor {
    return this.tuples([size], ...shape);
  }

  /** An integer of an axis, as {@linkcode ids} has them, between two others. */
  between(first: number, size: number, last: number): tf.Tensor {
    const [id] = this.#drawn([size], 1);
    return tf.tensor1d([first, id!, last], "int32");
  }

  /** Tuples of indices into the first axes of a shape, of which the case replaces one. */
  tuples(sizes: readonly number[], ...shape: number[]): tf.Tensor {
    const values = this.#drawn(sizes, tf.util.sizeFromShape(shape));
    const indices = tf.tensor(values, shape, "int32");
    if (!this.#one.onDevice) return indices;
    return tf.add(indices, tf.scalar(0, "int32"));
  }

  #drawn(sizes: readonly number[], count: number): number[] {
    const sizeAt = (i: number) => sizes[i % sizes.length]!;
    const values = Array.from(
      { length: count },
      (_, i) => this.below(sizeAt(i)),
    );
    const at = this.below(count), { odd } = this.#one;
    if (!odd) return values;
    const size = sizeAt(at), index = odd(size);
    if (index < 0 || index >= size) this.odd = index;
    return values.with(at, index);
  }
}

const valuesOf = (named: object) => Object.values(named) as tf.Tensor[];
const vector = (values: number[]) => tf.tensor1d(values, "int32");
const NUMBERS = ["float32", "int32"] as const;

/** The calls: several of each kernel where it has several ways. */
export const INDEX_CALLS: readonly IndexCall[] = [
  ...[[23], [5, 4], [2, 3, 7]].map((shape): IndexCall => ({
    kernel: "GatherV2",
    fate: "refused",
    spoils: "some",
    run: (make) =>
      tf.gather(
        make.any(...shape),
        make.ids(shape.at(-1)!, 6),
        shape.length - 1,
      ),
  })),
  {
    kernel: "GatherV2",
    fate: "refused",
    spoils: "some",
    run: (make) => tf.gather(make.any(2, 5, 3), make.ids(5, 2, 4), 1, 1),
  },
  // Depths of tuples, and rows of several elements; more rows than JavaScript moves.
  ...[[1, 7, 3], [2, 3, 1], [3, 6, 2], [5, 4, 1], [2, 300, 9]].map(
    ([depth, count, columns]): IndexCall[] => {
      const axes = [4, 3, 5, 2, 3].slice(0, depth!);
      return [{
        kernel: "GatherNd",
        fate: "refused",
        spoils: "some",
        run: (make) =>
          tf.gatherND(
            make.any(...axes, columns!),
            make.tuples(axes, count!, depth!),
          ),
      }, {
        kernel: "ScatterNd",
        fate: "refused",
        spoils: "all",
        dtypes: NUMBERS,
        run: (make) =>
          tf.scatterND(
            make.tuples(axes, count!, depth!),
            make.any(count!, columns!),
            [...axes, columns!],
          ),
      }, {
        kernel: "TensorScatterUpdate",
        fate: "refused",
        spoils: "all",
        run: (make) =>
          tf.tensorScatterUpdate(
            make.any(...axes, columns!),
            make.tuples(axes, count!, depth!),
            make.any(count!, columns!),
          ),
      }];
    },
  ).flat(),
  {
    kernel: "SparseToDense",
    fate: "refused",
    spoils: "all",
    run: (make) =>
      tf.sparseToDense(make.ids(9, 5), make.any(5), [9], make.one()),
  },
  {
    kernel: "SparseToDense",
    fate: "refused",
    spoils: "all",
    run: (make) =>
      tf.sparseToDense(
        make.tuples([4, 5], 7, 2),
        make.one(),
        [4, 5],
        make.one(),
      ),
  },
  {
    kernel: "UnsortedSegmentSum",
    fate: "passed over",
    dtypes: NUMBERS,
    run: (make) =>
      tf.unsortedSegmentSum(
        make.any(40, 3),
        make.ids(4, 40) as tf.Tensor1D,
        4,
      ),
  },
  {
    kernel: "UnsortedSegmentSum",
    fate: "passed over",
    dtypes: NUMBERS,
    run: (make) =>
      tf.unsortedSegmentSum(make.any(4), make.ids(2, 4) as tf.Tensor1D, 2),
  },
  ...[0, 300].map((weights): IndexCall => ({
    kernel: "Bincount",
    fate: "refused below 0",
    spoils: "all",
    dtypes: NUMBERS,
    run: (make) =>
      tf.bincount(
        make.ids(3, 300) as tf.Tensor1D,
        make.any(weights) as tf.Tensor1D,
        3,
      ),
  })),
  ...[[30], [2, 150]].flatMap((shape) =>
    [[false, false], [true, false], [false, true], [true, true]].map((
      [isWeighted, isBinary],
    ): IndexCall => ({
      kernel: "DenseBincount",
      fate: "refused below 0",
      spoils: "all",
      dtypes: NUMBERS,
      run: (make) =>
        tf.denseBincount(
          make.ids(4, ...shape) as tf.Tensor1D,
          make.any(...(isWeighted ? shape : [0])) as tf.Tensor1D,
          4,
          isBinary,
        ),
    }))
  ),
  ...(["bilinear", "nearest"] as const).flatMap((method) =>
    [[1, 3], [4, 2]].map(([images, boxes]): IndexCall => ({
      kernel: "CropAndResize",
      fate: "passed over",
      dtypes: ["float32"],
      run: (make) =>
        tf.image.cropAndResize(
          make.any(images!, 4, 3, 2) as tf.Tensor4D,
          // Corners beyond the image, the last of which is not finite.
          tf.tensor2d(
            Array.from(
              { length: boxes! },
              (_, i) => [
                ...[make.below(3) / 2 - 0.5, 0.25],
                ...[1, i === 2 ? [NaN, 1e30, Infinity][make.below(3)]! : 1.25],
              ],
            ),
          ),
          make.ids(images!, boxes!) as tf.Tensor1D,
          [3, 2],
          method,
          7,
        ),
    }))
  ),
  {
    kernel: "OneHot",
    fate: "passed over",
    dtypes: ["float32"],
    run: (make) => tf.oneHot(make.ids(5, 2, 3), 5),
  },
  ...(["Sum", "Mean"] as const).map((name): IndexCall => ({
    kernel: `SparseSegment${name}`,
    fate: "refused",
    spoils: "some",
    dtypes: ["float32"],
    run: (make) =>
      tf.sparse[`sparseSegment${name}`](
        make.any(5, 3) as tf.Tensor2D,
        make.ids(5, 6) as tf.Tensor1D,
        vector([0, 0, 1, 3, 3, 3]),
      ),
  })),
  {
    kernel: "SparseFillEmptyRows",
    fate: "refused",
    dtypes: NUMBERS,
    run(make) {
      const rows = make.ids(6, 4, 1), values = make.any(4) as tf.Tensor1D;
      return valuesOf(tf.sparse.sparseFillEmptyRows(
        tf.concat([rows, tf.onesLike(rows)], 1) as tf.Tensor2D,
        values,
        vector([6, 3]),
        tf.scalar(7, values.dtype),
      ));
    },
  },
  {
    kernel: "SparseReshape",
    fate: "refused",
    dtypes: ["int32"],
    run: (make) =>
      valuesOf(tf.sparse.sparseReshape(
        make.tuples([4, 6], 5, 2) as tf.Tensor2D,
        vector([4, 6]),
        vector([3, -1]),
      )),
  },
  {
    kernel: "StringNGrams",
    fate: "refused",
    dtypes: ["int32"],
    run(make) {
      const texts = tf.tensor1d(["a", "b", "c"]);
      const splits = make.between(0, 4, 3);
      return tf.string
        .stringNGrams(texts, splits, "|", [1, 2], "L", "R", 1, false)
        .nGramsSplits as tf.Tensor;
    },
  },
  {
    kernel: "RaggedGather",
    fate: "refused",
    dtypes: NUMBERS,
    run(make) {
      const { outputNestedSplits, outputDenseValues } = tf.raggedGather(
        [vector([0, 2, 2, 5])],
        make.any(5),
        make.ids(3, 4),
        1,
      );
      return [...outputNestedSplits, outputDenseValues];
    },
  },
  {
    kernel: "RaggedTensorToTensor",
    fate: "refused",
    dtypes: ["float32"],
    run(make) {
      const ids = make.between(0, 2, 1);
      const kinds = ["FIRST_DIM_SIZE", "VALUE_ROWIDS"];
      return tf.raggedTensorToTensor(
        vector([2, 3]),
        make.any(3),
        make.one(),
        [vector([2]), ids],
        kinds,
      );
    },
  },
];

/** Kernels that a backend has not for all tensors. */
export const NOT_THERE: Readonly<Record<BackendName, readonly string[]>> = {
  cpu: [],
  wasm: [],
  // Of indices on the device it is refused by name.
  webgpu: ["SparseFillEmptyRows"],
};

/** Indices that name nothing, of an axis of a size; undefined for what is there. */
const ODD: readonly (((size: number) => number) | undefined)[] = [
  undefined,
  () => -1,
  () => -3_000_000,
  (size) => size,
  (size) => size + 7,
  () => 1_000_000,
  () => 2 ** 31 - 1,
  () => -(2 ** 31),
];

/** A call, and which index it is tried with. */
export interface IndexCase {
  readonly call: IndexCall;
  readonly dtype: Dtype;
  readonly odd: ((size: number) => number) | undefined;
  readonly seed: number;
  /** Whether webgpu has the indices on the GPU alone. @default false */
  readonly onDevice?: boolean;
}

const typesOf = ({ dtypes = DTYPES }: IndexCall) => dtypes;

/** Every call with every type and every index. */
export const INDEX_CASES: readonly IndexCase[] = INDEX_CALLS.flatMap(
  (call, i) =>
    typesOf(call).flatMap((dtype) =>
      ODD.map((odd, j): IndexCase => ({ call, dtype, odd, seed: 31 * i + j }))
    ),
);

/** Cases that are made up. */
export const indexCase: fc.Arbitrary<IndexCase> = fc
  .constantFrom(...INDEX_CALLS)
  .chain((call) =>
    fc.record({
      call: fc.constant(call),
      dtype: fc.constantFrom(...typesOf(call)),
      odd: fc.oneof(
        fc.constantFrom(...ODD),
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
          .map((index) => () => index),
      ),
      seed: fc.integer({ min: 0 }),
    })
  );

/** What a case gave. */
export interface Outcome {
  readonly odd: number | undefined;
  readonly error?: Error;
  readonly results: readonly {
    readonly dtype: tf.DataType;
    readonly shape: readonly number[];
    readonly values: readonly number[];
  }[];
}

/** What a case gives on the current backend; it leaves nothing behind. */
export async function outcomeOf(one: IndexCase): Promise<Outcome> {
  const make = new Arguments(one);
  let tensors: tf.Tensor[] = [];
  try {
    tensors = tf.tidy(() => [one.call.run(make)].flat());
    const results = await Promise.all(tensors.map(async (x) => ({
      dtype: x.dtype,
      shape: x.shape,
      values: [...await x.data()] as number[],
    })));
    return { odd: make.odd, results };
  } catch (error) {
    return { odd: make.odd, error: error as Error, results: [] };
  } finally {
    tf.dispose(tensors);
  }
}

/** What says that a value is not there, on webgpu. */
const isAbsent = (value: number) => Number.isNaN(value) || value === -(2 ** 31);

/**
 * Compares what a backend gave with what cpu gave, and both with what has to become of
 * an index that names nothing.
 *
 * @param there What cpu gives where the index is 0: needed of indices on the GPU.
 */
export function assertOutcome(
  { call, dtype, onDevice }: IndexCase,
  got: Outcome,
  wanted: Outcome,
  there: Outcome,
): void {
  const { kernel, fate, spoils } = call, { odd } = wanted;
  const label = `${kernel} of ${dtype}, index ${odd}`;
  const isRefused = odd !== undefined &&
    (fate === "refused" || (fate === "refused below 0" && odd < 0));
  const isWrong = isRefused && there.error === undefined;
  if (isWrong !== (wanted.error !== undefined)) {
    throw new Error(`cpu: ${label}`, { cause: wanted.error });
  }
  if (!isWrong) {
    if (got.error) throw new Error(label, { cause: got.error });
    return compare(got, wanted, label);
  }
  if (!onDevice || !spoils) {
    assert(got.error, `${label} is not refused`);
    assert(got.error.message.includes(`${odd}`), got.error.message);
    return assertEquals(got.error.message, wanted.error?.message, label);
  }
  if (got.error) throw new Error(label, { cause: got.error });
  const [result] = got.results, [good] = there.results;
  const absent = result!.values.filter(isAbsent).length;
  if (spoils === "all") {
    return assertEquals(absent, result!.values.length, `${label} spoils all`);
  }
  assert(absent > 0, `${label} spoils nothing`);
  result!.values.forEach((value, i) =>
    isAbsent(value) || assertEquals(value, good!.values[i], label)
  );
}

function compare(got: Outcome, wanted: Outcome, label: string): void {
  for (const [i, { values, ...kind }] of wanted.results.entries()) {
    const { values: others, ...other } = got.results[i]!;
    assertEquals(other, kind, label);
    const isSame = values.every((value, at) =>
      Object.is(value, others[at]) || Math.abs(value - others[at]!) < 1e-5
    );
    if (!isSame) assertEquals(others, values, label);
  }
}
