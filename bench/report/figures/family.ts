/** What the family of linear transformers costs, and Mamba's scan. @module */
import { planTransition } from "../../../lib/attention/planning/transition_kernel.ts";
import { planForm } from "../../../lib/attention/planning/kernel.ts";
import { type Pass, PASSES } from "../../measure/tensors.ts";
import { HEAD_DIM } from "../../attention_problem.ts";
import { groupOf, once, tensorContender } from "../../group.ts";
import { LIBRARY } from "../../library.ts";
import {
  familyOperation,
  HEADS,
  type Member,
  openOperation,
  type Operation,
  outputShape,
  scanOperation,
  wrongIn,
} from "../../operations.ts";
import { type NamedPeer, peerContender } from "../../peers/torch.ts";
import { inPlainForms } from "../../plain_forms.ts";
import { scanLoop, scanProblem } from "../../scan_problem.ts";
import {
  bothPasses,
  type Bound,
  type Figure,
  measuring,
  type Row,
  type Setting,
} from "../figure.ts";

/** An operation beside the same in TensorFlow.js and in PyTorch. */
interface Subject {
  operation(length: number): Operation;
  /** The results. @default those in operations of TensorFlow.js */
  expected?(length: number): readonly ArrayLike<number>[];
  /** Why it has no kernel; `null` if it has one. @default that it has one */
  whyNoKernel?(length: number): string | null;
  /** PyTorch's scan in chunks, of which the fastest size is timed. @default none */
  readonly torch?: {
    readonly name: string;
    /** Which of two pairs of processes computes it. */
    readonly pools: 0 | 1;
    readonly form: string;
    readonly chunks: readonly number[];
  };
}

type Subjects = Readonly<Record<string, Subject>>;

/** How operations by their names are measured beside others. */
function besideOthers(
  subjects: Subjects,
): Pick<Row<number, Pass>, "subjects" | "open"> {
  return {
    subjects: ({ size, skip, ...setting }) => {
      const present = Object.entries(subjects).filter(([name, subject]) => {
        const why = subject.whyNoKernel?.(size) ?? null;
        if (why !== null) skip(name, why);
        return why === null;
      });
      const names = present.map(([name]) => name);
      return [
        ...names,
        // Nobody else's is there to compare with on a GPU.
        ...setting.info.name === "webgpu" ? names.map(plainOf) : [],
        ...present.flatMap(([, subject]) => theirsOf(subject, setting))
          .map(({ name }) => name),
      ];
    },
    open: async (asked, names) => {
      const { size, pass } = asked;
      const contenders = [], closes: (() => Promise<void>)[] = [];
      for (const [name, subject] of Object.entries(subjects)) {
        const { torch } = subject;
        const theirs = theirsOf(subject, asked)
          .filter(({ name }) => names.includes(name));
        const ours = [name, plainOf(name)].filter((one) => names.includes(one));
        if (ours.length + theirs.length === 0) continue;
        const operation = subject.operation(size);
        const open = openOperation(operation, LIBRARY, pass);
        const wanted = (subject.expected?.(size) ?? await open.reference())
          .slice(0, pass === "forward" ? 1 : undefined);
        const check = once((results) =>
          wrongIn(results, wanted, operation.together)
        );
        contenders.push(...ours.map((one) => {
          const isPlain = one !== name;
          const within = isPlain ? { within: inPlainForms } : {};
          return tensorContender(one, () => open.run(isPlain), check, within);
        }));
        for (const named of theirs) {
          await named.peer.prepareFastest(torch!.chunks.map((chunk) => ({
            work: "attention",
            options: { pass, form: torch!.form, chunk },
            tensors: tensorsOf(operation),
          })));
          contenders.push(peerContender(named, check));
        }
        closes.push(async () => {
          open.dispose();
          for (const { peer } of theirs) await peer.release();
        });
      }
      return groupOf(contenders, async () => {
        for (const close of closes) await close();
      });
    },
  };
}

const plainOf = (name: string) => `${name} in tfjs`;

/** PyTorch's, which computes on the same cores as WebAssembly. */
function theirsOf(
  { torch }: Subject,
  { info, peers }: Pick<Setting, "info" | "peers">,
): NamedPeer[] {
  if (!torch || info.name !== "wasm") return [];
  return peers.pools[torch.pools]?.named(torch.name) ?? [];
}

function tensorsOf({ inputs, dy }: Operation) {
  const arrays = inputs();
  const shape = [...outputShape(arrays)];
  return Object.entries({ ...arrays, dy: [shape, dy()] as const })
    .map(([name, [shape, values]]) => ({ name, shape, values }));
}

/** A member of the family. */
function member(
  member: Member,
  model: { readonly diagonal: boolean; readonly delta: boolean },
  torch?: Omit<NonNullable<Subject["torch"]>, "chunks">,
): Subject {
  return {
    operation: (length) => familyOperation(member, length),
    whyNoKernel: (length) => whyNoKernel(model, length),
    ...torch && { torch: { ...torch, chunks: [32, 64, 128] } },
  };
}

/** By what they are called; forms are torch_peer.py's names. */
const MEMBERS: Subjects = {
  scalar: member("scalar", { diagonal: false, delta: false }),
  diagonal: member("gatedLinearAttention", { diagonal: true, delta: false }, {
    ...{ name: "PyTorch GLA", pools: 0, form: "diagonal" },
  }),
  "gated delta": member("gatedDeltaNet", { diagonal: false, delta: true }, {
    ...{ name: "PyTorch gated delta rule", pools: 1, form: "gated delta" },
  }),
  "Kimi delta": member("kimiDeltaAttention", { diagonal: true, delta: true }),
};

/** Of a member of the family: beside attention with scalar decays, PyTorch's scan, and itself. */
function memberBounds(
  series: string,
  forward: number,
  gradients: number,
  torch?: string,
): Bound[] {
  const own = { at: [4096], series };
  return [
    ...bothPasses(forward, gradients, { ...own, beside: "scalar" }),
    ...bothPasses(4.3, 4.3, { ...own, beside: { at: 1024 } }),
    ...torch === undefined
      ? []
      : bothPasses(0.6, 0.6, { ...own, beside: torch }),
    {
      ...{ ...own, panel: "forward", backend: "webgpu", at: [256] },
      ...{ beside: plainOf(series), most: 1 },
    },
  ];
}

/** Attention with kinds of decays and the delta rule. */
export const family: Figure = {
  title: "What the family costs",
  short: "the family",
  about:
    `Attention with a decay for each token (*scalar*), compared with a decay for each
channel (*diagonal*: GLA, HGRN-2, RWKV-6), the gated delta rule, and the delta rule
with a decay for each channel (*Kimi delta*). Both directions, in chunks, not
normalised. On WebAssembly PyTorch takes part, with a scan in chunks for GLA and
for the gated delta rule; on WebGPU the same in TensorFlow.js operations.`,
  axis: "tokens",
  column: "tokens",
  torch: "beside",
  bounds: [
    ...memberBounds("diagonal", 2, 2.5, "PyTorch GLA"),
    ...memberBounds("gated delta", 2.5, 3, "PyTorch gated delta rule"),
    ...memberBounds("Kimi delta", 4, 5),
  ],
  seconds: { gpu: 40, wasm: 60, software: 30, cpu: 0 },
  measure: measuring({
    sizes: {
      ...{ gpu: [4096, 16_384], wasm: [1024, 4096], software: [256], cpu: [] },
    },
    quick: [64],
    // Shaders of their gradients take minutes to compile in software.
    passes: ({ power }) => power === "software" ? PASSES.slice(0, 1) : PASSES,
    ...besideOthers(MEMBERS),
    settings: () => ({ heads: HEADS, "columns of a head": HEAD_DIM }),
  }),
};

/** As in Vision Mamba's smallest model. */
const CHANNELS = 384, STATE_DIM = 16;

/** Mamba's selective scan of one sequence, gates included. */
export const scan: Figure = {
  title: "The selective scan of Mamba",
  short: "Mamba's selective scan",
  about: `One sequence with the channels of Vision Mamba's smallest model, gates
included, compared with a scan in chunks in PyTorch, with the best chunk size, or with
the same in TensorFlow.js operations.`,
  axis: "tokens",
  column: "tokens",
  torch: "beside",
  bounds: [
    ...bothPasses(1, 1, {
      ...{ series: "selectiveScan", beside: "PyTorch", at: [1024, 4096] },
    }),
    ...bothPasses(1, 1, {
      ...{ series: "selectiveScan", beside: plainOf("selectiveScan") },
      ...{ backend: "webgpu", at: [1024] },
    }),
  ],
  seconds: { gpu: 20, wasm: 40, software: 20, cpu: 0 },
  measure: measuring({
    sizes: {
      ...{ gpu: [1024, 4096], wasm: [1024, 4096], software: [256, 1024] },
      cpu: [],
    },
    quick: [64],
    passes: PASSES,
    ...besideOthers({
      selectiveScan: {
        operation: (length) => scanOperation(length, CHANNELS, STATE_DIM),
        // Plain forms keep all states, which long sequences have no memory for.
        expected: (length) => {
          const problem = scanProblem(length, CHANNELS, STATE_DIM);
          const { y, gradients } = scanLoop(problem);
          return [y, ...Object.values(gradients)];
        },
        torch: {
          ...{ name: "PyTorch", pools: 0, form: "selective scan" },
          chunks: [16, 32, 64, 128],
        },
      },
    }),
    settings: () => ({ channels: CHANNELS, states: STATE_DIM }),
  }),
};

/** Why a model has no kernel on the current backend; `null` if it has one. */
function whyNoKernel(
  { diagonal, delta }: Parameters<typeof member>[1],
  length: number,
): string | null {
  const request = {
    ...{ batch: 1, heads: HEADS, length, chunkSize: undefined },
    ...{ headDim: HEAD_DIM, valueDim: HEAD_DIM, diagonal, causal: false },
  };
  const plan = delta
    ? planTransition({ ...request, reads: "delta", steps: 1 })
    : planForm("chunkwise", {
      ...request,
      ...{ decays: true, normalize: false, precision: "f32" },
    });
  return "refusal" in plan ? plan.refusal : null;
}
