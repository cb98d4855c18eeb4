/**
 * The numbers that kernels are generated from: the defaults of each class of
 * adapter, and how a tuning changes them.
 *
 * @module
 */
import type {
  NumbersByShape,
  ShapeClass,
  SomeNumbers,
  TileNumbers,
  TuningNumbers,
  WasmNumbers,
  WebGpuNumbers,
} from "./tuning.ts";

/** The sizes of a problem on which its class depends. */
export interface ProblemSize {
  /** Tokens of a sequence. */
  readonly length: number;
  /** Columns of q and k. */
  readonly headDim: number;
  /** The number of columns of v. */
  readonly valueDim: number;
}

export type NumbersFor<Numbers> = (size: ProblemSize) => Numbers;

/**
 * Most tokens of a short problem: up to here, launches and threads to wake
 * cost as much as products.
 */
const LONGEST_SHORT = 512;

export function shapeClassOf(
  { length, headDim, valueDim }: ProblemSize,
): ShapeClass {
  const columns = Math.max(headDim, valueDim);
  const heads = columns <= 32 ? 32 : columns <= 64 ? 64 : 128;
  return `${length <= LONGEST_SHORT ? "short" : "long"} ${heads}`;
}

/**
 * Kinds of adapters: one that shares the processor's memory (or is the processor,
 * in software), and a card with memory of its own.
 */
export type AdapterClass = "integrated" | "discrete";

/** The facts about an adapter by which its numbers are chosen. */
export interface AdapterFacts {
  /** The vendor, a name or, in Deno, a number of the PCI registry. */
  readonly vendor: string;
  /** The family of the model, which browsers report in place of the model. */
  readonly architecture: string;
  /** The model, as the driver calls it. */
  readonly description: string;
  /** Bytes of a workgroup's memory. */
  readonly workgroupBytes: number;
}

/** NVIDIA, in browsers and in Deno: nearly all of its adapters are cards. */
const NVIDIA = ["nvidia", String(0x10de)];
/** Cards of others by their names. */
const CARD =
  /geforce|quadro|tesla|\brtx\b|radeon (rx|pro|vii)|instinct|\barc\b/i;
/**
 * Cards of others by vendor and architecture, as Chrome names them. Other
 * architectures, such as AMD's RDNA 2 and 3, are those of processors, too.
 */
const CARD_ARCHITECTURES = [
  "amd cdna-1",
  "amd rdna-1",
  "amd rdna-4",
  "intel gen-12hp",
  "intel xe-2hpg",
];
/** Workgroup memory of every card that is known. */
const CARDS_HAVE = 32 * 1024;

/** The class of an adapter, which WebGPU does not name: by vendor, architecture, name and limits. */
export function adapterClassOf(
  { vendor, architecture, description, workgroupBytes }: AdapterFacts,
): AdapterClass {
  const family = `${vendor} ${architecture}`.toLowerCase();
  const isCard = NVIDIA.includes(vendor.toLowerCase()) ||
    CARD_ARCHITECTURES.includes(family) || CARD.test(description);
  return isCard && workgroupBytes >= CARDS_HAVE ? "discrete" : "integrated";
}

const CHUNKWISE = { chunkSize: 64, masklessChunkSize: 256, blockRows: 32 };

/** The numbers in which classes of adapters differ. */
type ClassNumbers =
  & Pick<TileNumbers, "threads" | "stagedColumns">
  & Pick<WebGpuNumbers["chunkwise"], "unscannedChunks">;

/** The full form and softmax attention. */
const tiled = (
  numbers: Omit<ClassNumbers, "unscannedChunks">,
): SomeNumbers<WebGpuNumbers> => ({
  full: { ...numbers, columnsPerThread: 4 },
  softmax: { ...numbers, columnsPerThread: 4, maxima: "memory" },
});

/**
 * The numbers for heads of more than 64 columns: with four columns for each thread,
 * a row would need more than 16 threads.
 */
const WIDE: SomeNumbers<WebGpuNumbers> = {
  full: { columnsPerThread: 8 },
  softmax: { columnsPerThread: 8 },
};

/** The defaults of a class, in the form of a tuning. */
const webGpuDefaults = (
  { unscannedChunks, ...numbers }: ClassNumbers,
): NumbersByShape<WebGpuNumbers> => ({
  all: {
    chunkwise: { ...CHUNKWISE, unscannedChunks } as WebGpuNumbers["chunkwise"],
    channels: { chunkSize: 32 },
    ...tiled(numbers),
    delta: { chunkSize: 32 },
  },
  "short 128": WIDE,
  "long 128": WIDE,
});

/**
 * The numbers of the WebGPU kernels, by the class of adapter. A card's workgroups
 * have twice the threads, whose rows read keys and values half as often. Both
 * stage keys, which threads would else read from a row each: on Mesa's software
 * adapter that takes half to three quarters of the time. There, with heads of 64,
 * chunks of 16 save the delta rule up to a fifth, but have twice as many states
 * and steps in a row, and states of four chunks that are not scanned cost a third more
 * time. Where a card has few chunks, most of it waits, and launches cost more.
 */
export const WEBGPU_DEFAULTS: Readonly<
  Record<AdapterClass, NumbersByShape<WebGpuNumbers>>
> = {
  integrated: webGpuDefaults({
    threads: 64,
    stagedColumns: 16,
    unscannedChunks: 2,
  }),
  discrete: webGpuDefaults({
    threads: 128,
    stagedColumns: 16,
    unscannedChunks: 4,
  }),
};

/** The numbers of the WebAssembly kernels, measured with heads of 64. */
export const WASM_DEFAULTS: NumbersByShape<WasmNumbers> = {
  all: {
    chunkwise: { chunkSize: 32 },
    full: { tileSize: 64 },
    delta: { chunkSize: 24 },
  },
};

/** The WebGPU kernels' numbers on a class of adapter, as a tuning changes them. */
export function webGpuNumbers(
  adapter: AdapterClass,
  tuning: TuningNumbers | undefined,
): NumbersFor<WebGpuNumbers> {
  return numbersFrom(WEBGPU_DEFAULTS[adapter], tuning?.webgpu);
}

/** The WebAssembly kernels' numbers, as a tuning changes them. */
export function wasmNumbers(
  tuning: TuningNumbers | undefined,
): NumbersFor<WasmNumbers> {
  return numbersFrom(WASM_DEFAULTS, tuning?.wasm);
}

/** Merges the defaults for all shapes with those for a class, and with the given numbers. */
function numbersFrom<Numbers>(
  defaults: NumbersByShape<Numbers>,
  given: NumbersByShape<Numbers> = {},
): NumbersFor<Numbers> {
  const known = new Map<ShapeClass, Numbers>();
  return (size) => {
    const name = shapeClassOf(size);
    const found = known.get(name);
    if (found) return found;
    const numbers = [defaults, given]
      .flatMap((layer) => [layer.all ?? {}, layer[name] ?? {}])
      .reduce(merge, {}) as Numbers;
    known.set(name, numbers);
    return numbers;
  };
}

function merge<Numbers>(
  under: SomeNumbers<Numbers>,
  over: SomeNumbers<Numbers>,
): SomeNumbers<Numbers> {
  const merged: {
    -readonly [family in keyof Numbers]?: Partial<Numbers[family]>;
  } = { ...under };
  for (const family in over) {
    merged[family] = { ...under[family], ...over[family] };
  }
  return merged;
}
