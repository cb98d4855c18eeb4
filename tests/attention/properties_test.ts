/** What holds for every attention, whatever its truth is. @module */
import fc from "fast-check";
import type { BackendName } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { assertNear } from "../comparison.ts";
import { FORMS, LION, type LionProblem } from "../subjects/lion.ts";
import { untapedOf } from "../subjects/subject.ts";

type Inputs = LionProblem["inputs"];

/** The output of a problem with other inputs, and another decay if one is given. */
type Attend = (
  inputs: Inputs,
  decay?: LionProblem["decay"],
) => Promise<Float32Array>;

/** The tokens of each sequence from the last to the first. */
function reversed(x: Float32Array, { batch, heads, length }: LionProblem) {
  const sequences = batch * heads, columns = x.length / sequences / length;
  return x.map((_, i) => {
    const token = Math.floor(i / columns) % length;
    return x[i + (length - 1 - 2 * token) * columns]!;
  });
}

/** An input with its numbers changed. */
const changed = (
  inputs: Inputs,
  name: string,
  change: (x: Float32Array) => Float32Array,
) => ({ ...inputs[name]!, values: change(inputs[name]!.values) });

/** What has to be equal, of a problem and its inputs. */
type Property = (
  attend: Attend,
  problem: LionProblem,
) => Promise<readonly [Float32Array, Float32Array]>;

const reversal: Property = async (attend, problem) => {
  const { inputs, decay } = problem;
  const back = Object.fromEntries(
    Object.keys(inputs).map((
      name,
    ) => [name, changed(inputs, name, (x) => reversed(x, problem))]),
  );
  const { forward, backward } = back;
  const swapped = decay === "two-sided"
    ? { ...back, forward: backward!, backward: forward! }
    : back;
  return [reversed(await attend(swapped), problem), await attend(inputs)];
};

/** Properties by their names, with the decays that they are of. */
const PROPERTIES: Readonly<
  Record<string, readonly [readonly LionProblem["decay"][], Property]>
> = {
  "reversing the input reverses the output": [
    ["source", "two-sided"],
    reversal,
  ],
  "a decay of 1 is no decay": [["source"], async (attend, { inputs }) => {
    const { logDecay: _, ...vectors } = inputs;
    const logDecay = changed(inputs, "logDecay", (x) => x.map(() => 0));
    return [
      await attend({ ...vectors, logDecay }),
      await attend(vectors, "none"),
    ];
  }],
  "attention is linear in the values": [["source"], async (attend, problem) => {
    const { inputs } = problem;
    const v = inputs["v"]!.values, other = reversed(v, problem);
    const of = (change: (x: Float32Array) => Float32Array) =>
      attend({ ...inputs, v: changed(inputs, "v", change) });
    const y = await of((x) => x), ofOther = await of(() => other);
    return [
      await of((x) => x.map((value, i) => 3 * value + other[i]!)),
      y.map((value, i) => 3 * value + ofOther[i]!),
    ];
  }],
};

/** Positive queries and keys, any values, and decays of all kinds. */
const problems = (backend: BackendName, decay: LionProblem["decay"]) =>
  fc.sample(LION.random(backend), { numRuns: 15, seed: 20250224 })
    .map(([{ padded: _, packed: __, ...c }, { chunkSize }], values) => ({
      problem: LION.problemOf({
        ...{ ...c, decay, values, normalize: true, causal: false },
        length: Math.min(c.length, 70),
        ...backend === "webgpu" ? {} : {
          headDim: Math.min(c.headDim!, 8),
          valueDim: Math.min(c.valueDim!, 8),
        },
      }),
      chunkSize,
    }));

for (const [name, [decays, property]] of Object.entries(PROPERTIES)) {
  onEachBackend(name, async (backend) => {
    for (const decay of decays) {
      for (const { problem, chunkSize } of problems(backend, decay)) {
        for (const form of FORMS) {
          const attend: Attend = async (inputs, decay = problem.decay) => {
            const other = { ...problem, inputs, decay };
            const { y } = await untapedOf(LION, other, { form, chunkSize });
            return y;
          };
          const [got, wanted] = await property(attend, problem);
          assertNear(`${decay} ${form}`, got, wanted, 2e-5);
        }
      }
    }
  });
}
