/** A call of a kernel of the delta rule: what both passes begin with. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { DeltaAttributes } from "../../../attention/planning/delta_kernel.ts";
import type { Call } from "../../../tfjs/webgpu/fused_kernel.ts";
import {
  makeFloats,
  type Program,
  runProgram,
} from "../../../tfjs/webgpu/program.ts";
import { type DeltaLayout, recordSizes } from "./delta_chunks.ts";
import { decaysOf } from "./delta_decays.ts";
import { batchesFor, layoutFor } from "./delta_plan.ts";
import { wyProgram } from "./delta_wy.ts";
import { statesProgram } from "./delta_states.ts";
import { inversesProgram, systemsProgram } from "./delta_scores.ts";
import type { NumbersFor } from "../../numbers.ts";
import type { WebGpuNumbers } from "../../tuning.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

/** What the forward kernel is given, by name. */
export type ForwardInput = "q" | "k" | "v" | "beta";

type OptionalInputs = Readonly<
  Partial<Record<"f" | "b" | "before", tf.TensorInfo>>
>;

type Kind = keyof ReturnType<typeof recordSizes>;

/** The buffers of one call, which each batch of sequences fills anew. */
export class DeltaCall {
  readonly layout: DeltaLayout;
  readonly batches: readonly SequenceBatch[];
  /** Log decays of each direction, if there are any. */
  readonly logDecays: readonly tf.TensorInfo[];
  /** What the states of each direction pay, if anything. */
  readonly decays: readonly tf.TensorInfo[];
  /** The state that comes to a piece of a sequence, if one does. */
  readonly before: tf.TensorInfo | undefined;
  /** What the states are found of and with. */
  readonly found: Readonly<Record<Kind, tf.TensorInfo>>;
  readonly #call: Call<ForwardInput, DeltaAttributes>;
  readonly #scratch: tf.TensorInfo[] = [];

  constructor(
    call: Call<ForwardInput, DeltaAttributes>,
    numbersFor: NumbersFor<WebGpuNumbers>,
  ) {
    this.#call = call;
    const { backend, inputs, attributes } = call;
    const { q, v } = inputs;
    const [batch, heads, length, headDim] = q.shape as tf.Tensor4D["shape"];
    const valueDim = v.shape[3]!;
    const shape = { length, headDim, valueDim };
    this.layout = layoutFor(
      { ...shape, ...attributes },
      numbersFor(shape).delta,
    );
    const { limits } = backend.device;
    this.batches = batchesFor(this.layout, batch * heads, limits);
    const { f, b, before } = inputs as OptionalInputs;
    this.before = before;
    this.logDecays = [f, b].filter((x) => x !== undefined);
    this.decays = this.logDecays.map((x, i) =>
      decaysOf(backend, x, before ? undefined : [0, length - 1][i])
    );
    this.#scratch.push(...this.decays);
    this.found = {
      systems: this.scratch("systems"),
      prepared: this.scratch("prepared"),
      written: this.scratch("written"),
      states: this.scratch("states"),
    };
  }

  /** A buffer of records of a kind, for the chunks of the sequences of a batch. */
  scratch(kind: Kind): tf.TensorInfo {
    const { chunks, directions } = this.layout;
    const records = this.batches[0]!.sequences * directions * chunks;
    const size = records * recordSizes(this.layout)[kind];
    const tensor = makeFloats(this.#call.backend, [size]);
    this.#scratch.push(tensor);
    return tensor;
  }

  /** Runs a program of each direction, from the left first. */
  inEachDirection(program: (direction: number) => Program): void {
    for (let direction = 0; direction < this.layout.directions; direction++) {
      runProgram(this.#call.backend, program(direction));
    }
  }

  /**
   * Finds the states that come to the chunks of a batch, and what chunks write.
   *
   * @param last Gets the states after the last chunks.
   */
  findStates(batch: SequenceBatch, last?: tf.TensorInfo): void {
    const { backend, inputs: { q, k, v, beta } } = this.#call;
    const { layout, found: { systems, prepared, written, states } } = this;
    this.inEachDirection((direction) =>
      systemsProgram(
        {
          reads: { q, k, beta },
          decays: this.decays[direction],
          writes: { systems },
        },
        layout,
        batch,
        direction,
      )
    );
    runProgram(backend, inversesProgram(systems, layout, batch));
    this.inEachDirection((direction) =>
      wyProgram(
        {
          reads: { q, k, v, beta, systems },
          decays: this.decays[direction],
          writes: { prepared, written },
        },
        layout,
        batch,
        direction,
      )
    );
    const sweep = {
      reads: { prepared },
      writes: { written, states },
      ends: { first: this.before, last },
    };
    runProgram(backend, statesProgram(sweep, layout, batch));
  }

  /** Frees the buffers. */
  close(): void {
    const { backend } = this.#call;
    this.#scratch.forEach(({ dataId }) => backend.disposeData(dataId));
  }
}
