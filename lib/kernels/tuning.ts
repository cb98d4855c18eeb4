/**
 * The numbers that kernels are generated from, as a caller may give them, and
 * what they may be.
 *
 * None of them changes what a kernel computes, only how the work is shared out:
 * results are equal but for rounding.
 *
 * @module
 */
import {
  assertOptions,
  assertPositiveInteger,
  assertThreads,
  processors,
  shown,
} from "@lionjs/base";

/**
 * The numbers by which softmax attention and the full form share out their
 * scores on WebGPU.
 */
export interface TileNumbers {
  /**
   * Threads of a workgroup. The more, the more rows read a block of keys
   * together. Fewer, where the adapter has no room for their scores.
   */
  readonly threads: 32 | 64 | 128 | 256;
  /** Columns of a row's sum that a thread has in registers, at most. */
  readonly columnsPerThread: 4 | 8 | 16;
  /**
   * Columns of a block of keys that a workgroup holds in its memory at once, so
   * that neighbouring threads read neighbouring numbers; with 0 each thread loads
   * the keys that it meets.
   */
  readonly stagedColumns: 0 | 8 | 16 | 32;
}

/** The numbers by which softmax attention shares out its scores on WebGPU. */
export interface SoftmaxNumbers extends TileNumbers {
  /**
   * The memory in which threads of the same rows compare the largest scores that each has met:
   * that of the workgroup, or the registers of a subgroup, where the
   * adapter's subgroups have a known size and hold all of these threads.
   */
  readonly maxima: "memory" | "subgroups";
}

/** The numbers of the WebGPU kernels. */
export interface WebGpuNumbers {
  /** The chunkwise form. */
  readonly chunkwise: {
    /** Tokens of a chunk, from 1 to 256, if the caller asks for no number. */
    readonly chunkSize: number;
    /** Tokens of a chunk where nothing decays and nothing is causal, from 1 to 65536. */
    readonly masklessChunkSize: number;
    /** Rows of a chunk that a workgroup computes, if there is room for them. */
    readonly blockRows: 8 | 16 | 24 | 32;
    /** Most chunks of short batches whose states are not scanned, which saves a launch. */
    readonly unscannedChunks: 2 | 4;
  };
  /** The chunkwise form of decays of each channel. */
  readonly channels: {
    /** Tokens of a chunk, from 1 to 256. */
    readonly chunkSize: number;
  };
  /** The full and the blockwise form. */
  readonly full: TileNumbers;
  /** The numbers of softmax attention. */
  readonly softmax: SoftmaxNumbers;
  /** Transitions that read the state, as those of the delta rule do. */
  readonly delta: {
    /** Steps of a chunk, from 1 to 32; tokens, if each has one step. */
    readonly chunkSize: number;
  };
}

/** The numbers of the WebAssembly kernels. */
export interface WasmNumbers {
  /** The chunkwise form. */
  readonly chunkwise: {
    /** Tokens of a chunk, from 1 to 512, if the caller asks for no number. */
    readonly chunkSize: number;
  };
  /** The full and the blockwise form. */
  readonly full: {
    /** Queries, and keys, of a tile, from 1 to 128. */
    readonly tileSize: number;
  };
  /** Transitions of rank one, those of the delta rule among them. */
  readonly delta: {
    /** Steps of a chunk, from 1 to 256; tokens, if each has one step. */
    readonly chunkSize: number;
  };
}

/**
 * Problems that have numbers in common: short ones, of up to 512 tokens, and
 * long ones, whose heads have up to 32 columns of keys and of values, up to 64,
 * or more.
 */
export type ShapeClass = `${"short" | "long"} ${32 | 64 | 128}`;

/** Some of the numbers of each kind of kernel, the other ones staying as they are. */
export type SomeNumbers<Numbers> = {
  readonly [family in keyof Numbers]?: Partial<Numbers[family]>;
};

/** Numbers for problems of all shapes, and numbers that replace them for some shapes. */
export type NumbersByShape<Numbers> = {
  readonly [shape in ShapeClass | "all"]?: SomeNumbers<Numbers>;
};

/**
 * Numbers instead of the library's own, for the backends that may start.
 *
 * `deno task tune` finds those of a machine.
 */
export interface TuningNumbers {
  /**
   * Threads of the wasm backend, where `useBackend` is given no number: at most four
   * for each processor of the tuned machine, or 16.
   * @default the number of processors
   */
  readonly threads?: number;
  /** The numbers of the WebGPU kernels. */
  readonly webgpu?: NumbersByShape<WebGpuNumbers>;
  /** The numbers of the WebAssembly kernels. */
  readonly wasm?: NumbersByShape<WasmNumbers>;
}

/** Some values, or the largest of the integers from 1. */
type Allowed<T> = readonly T[] | number;

type AllowedNumbers<Numbers> = {
  readonly [family in keyof Numbers]: {
    readonly [name in keyof Numbers[family]]: Allowed<Numbers[family][name]>;
  };
};

const TILES: AllowedNumbers<WebGpuNumbers>["full"] = {
  threads: [32, 64, 128, 256],
  columnsPerThread: [4, 8, 16],
  stagedColumns: [0, 8, 16, 32],
};

/** The values that each number of a tuning may have. */
export const ALLOWED: {
  readonly webgpu: AllowedNumbers<WebGpuNumbers>;
  readonly wasm: AllowedNumbers<WasmNumbers>;
} = {
  webgpu: {
    chunkwise: {
      chunkSize: 256,
      masklessChunkSize: 65536,
      blockRows: [8, 16, 24, 32],
      unscannedChunks: [2, 4],
    },
    channels: { chunkSize: 256 },
    full: TILES,
    softmax: { ...TILES, maxima: ["memory", "subgroups"] },
    delta: { chunkSize: 32 },
  },
  wasm: {
    chunkwise: { chunkSize: 512 },
    full: { tileSize: 128 },
    delta: { chunkSize: 256 },
  },
};

/** All classes of shapes. */
export const SHAPE_CLASSES: readonly ShapeClass[] = [
  "short 32",
  "short 64",
  "short 128",
  "long 32",
  "long 64",
  "long 128",
];

const SHAPES = Object.fromEntries(
  ["all", ...SHAPE_CLASSES].map((shape) => [shape, true]),
) as Readonly<Record<ShapeClass | "all", true>>;

/**
 * Throws unless all of a tuning is known and possible.
 *
 * @param available Processors of the machine that it is for, which bound its
 * threads.
 * @default this machine's
 * @throws {TypeError} If it is no record, or has a name that there is not, or a
 * value of the wrong type.
 * @throws {RangeError} If a value is none of those that are possible.
 */
export function assertTuning(
  tuning: TuningNumbers,
  available: number = processors(),
): void {
  assertOptions("tuning", tuning, { threads: true, ...ALLOWED });
  const { threads } = tuning;
  if (threads !== undefined) {
    assertThreads("tuning.threads", threads, available);
  }
  for (const backend of ["webgpu", "wasm"] as const) {
    const given = tuning[backend];
    if (given === undefined) continue;
    const owner = `tuning.${backend}`;
    assertOptions(owner, given, SHAPES);
    for (const [shape, numbers] of Object.entries(given)) {
      assertNumbers(`${owner}["${shape}"]`, numbers, ALLOWED[backend]);
    }
  }
}

function assertNumbers(
  owner: string,
  given: object,
  allowed: Readonly<Record<string, Readonly<Record<string, Allowed<unknown>>>>>,
): void {
  assertOptions(owner, given, allowed);
  for (const [family, numbers] of Object.entries(given)) {
    const known = allowed[family]!;
    assertOptions(`${owner}.${family}`, numbers, known);
    for (const [name, value] of Object.entries(numbers)) {
      assertAllowed(`${owner}.${family}.${name}`, value, known[name]!);
    }
  }
}

function assertAllowed(
  name: string,
  value: unknown,
  allowed: Allowed<unknown>,
): void {
  if (typeof allowed === "number") {
    assertPositiveInteger(name, value as number);
    if (value as number <= allowed) return;
    throw new RangeError(
      `${name} should be an integer from 1 to ${allowed}, got ${value}`,
    );
  }
  if (allowed.includes(value)) return;
  const values = allowed.map((one) => JSON.stringify(one)).join(" or ");
  const message = `${name} should be ${values}, got ${shown(value)}`;
  throw typeof value === typeof allowed[0]
    ? new RangeError(message)
    : new TypeError(message);
}
