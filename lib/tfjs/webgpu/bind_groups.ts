/** Bind groups that are made once for a pipeline and its buffers. @module */
import { RecentCache } from "./recent_cache.ts";

/** Bind groups that are held at least; a training step of a large model has some thousands. */
const HELD = 6144;

/** A pipeline that is compiled, and the layout of its only bind group. */
export interface Compiled {
  readonly pipeline: GPUComputePipeline;
  /** The layout of the pipeline's bind group, which need not be asked for again. */
  readonly layout: GPUBindGroupLayout;
}

/** A part of a buffer, whose other parts are other tensors. */
export interface BufferPart {
  readonly buffer: GPUBuffer;
  /** The offset of the part in the buffer, in bytes. */
  readonly offset: number;
  /** The bytes of the part. */
  readonly size: number;
}

/** The memory that a tensor has on the device: a buffer of its own, or a part of one. */
export type Bindable = GPUBuffer | BufferPart;

/** Whether something is a part of a buffer, rather than all of it. */
export function isPart(bindable: object): bindable is BufferPart {
  return "offset" in bindable;
}

/** A bind group, and the numbers of its buffers. */
interface Held {
  readonly group: GPUBindGroup;
  readonly numbers: readonly number[];
}

/** The key of a pipeline's or a buffer's number: a WeakMap takes several times as long. */
const NUMBER = Symbol("number");

/** The number of pipelines, buffers and parts that have one. */
let count = 0;

/**
 * The number by which a key distinguishes pipelines, buffers and their parts: one that is
 * made later has a larger number, and no number is given twice.
 */
export function numberOf(object: Bindable | GPUComputePipeline): number {
  const numbered = object as { [NUMBER]?: number };
  return numbered[NUMBER] ??= ++count;
}

/** The halves of the numbers of a key. */
const halves: number[] = [];

/** The numbers of a pipeline and its buffers as a text, which is found faster than one of digits. */
function keyOf(
  pipeline: GPUComputePipeline,
  buffers: readonly Bindable[],
): string {
  halves.length = 0;
  const put = (number: number) => halves.push(number & 0xffff, number >>> 16);
  put(numberOf(pipeline));
  for (const buffer of buffers) put(numberOf(buffer));
  return String.fromCharCode(...halves);
}

/** The bind groups of a device, each for a pipeline and all of its buffers in order. */
export class BindGroups {
  readonly #device: Pick<GPUDevice, "createBindGroup">;
  readonly #created: () => void;
  readonly #groups = new RecentCache<Held>(HELD, (held, key) => {
    for (const number of held.numbers) this.#unlink(number, key);
  });
  /** The keys of the groups that have a buffer, by its number. */
  readonly #keys = new Map<number, Set<string>>();

  /**
   * Makes an empty cache.
   *
   * @param device Makes the groups.
   * @param created Is called before each.
   */
  constructor(
    device: Pick<GPUDevice, "createBindGroup">,
    created: () => void,
  ) {
    this.#device = device;
    this.#created = created;
  }

  /** The number of bind groups that are held. */
  get size(): number {
    return this.#groups.size;
  }

  /** The bind group of a pipeline and its buffers, in the order of their bindings. */
  groupOf(
    { pipeline, layout }: Compiled,
    buffers: readonly Bindable[],
    label: string,
  ): GPUBindGroup {
    const key = keyOf(pipeline, buffers);
    const known = this.#groups.get(key);
    if (known) return known.group;
    this.#created();
    const group = this.#device.createBindGroup({
      label,
      layout,
      entries: buffers.map((bindable, binding) => ({
        binding,
        resource: isPart(bindable) ? bindable : { buffer: bindable },
      })),
    });
    const numbers = buffers.map((bindable) =>
      numberOf(isPart(bindable) ? bindable.buffer : bindable)
    );
    this.#groups.set(key, { group, numbers });
    for (const number of numbers) {
      const keys = this.#keys.get(number);
      if (keys) keys.add(key);
      else this.#keys.set(number, new Set([key]));
    }
    return group;
  }

  /** Forgets the groups that have a buffer, which is destroyed. */
  forget(buffer: GPUBuffer): void {
    const own = numberOf(buffer);
    for (const key of this.#keys.get(own) ?? []) {
      for (const number of this.#groups.get(key)!.numbers) {
        if (number !== own) this.#unlink(number, key);
      }
      this.#groups.delete(key);
    }
    this.#keys.delete(own);
  }

  /** Forgets all groups. */
  clear(): void {
    this.#groups.clear();
  }

  #unlink(number: number, key: string): void {
    const keys = this.#keys.get(number);
    if (keys?.delete(key) && keys.size === 0) this.#keys.delete(number);
  }
}
