/** What the family of linear transformers costs, and Mamba's scan. @module */
import { planTransition } from "../../../lib/attention/planning/transition_kernel.ts";
import { planForm } from "../../../lib/attention/planning/kernel.ts";
import { SOFTMAX_ATTENTION } from "../../../lib/attention/planning/softmax_kernel.ts";
import type { Reads } from "../../../lib/attention/forms/transition_inputs.ts";
import { hasKernel } from "@lionjs/tfjs/kernel";
import { type Pass, PASSES } from "../../measure/tensors.ts";
import { HEAD_DIM, problemOf } from "../../attention_problem.ts";
import { groupOf, once, tensorContender } from "../../group.ts";
import { LIBRARY } from "../../library.ts";
import {
  familyOperation,
  HEADS,
  openOperation,
  type Operation,
  outputShape,
  scanOperation,
  softmaxOperation,
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
    /** Which of the pairs of processes computes it, each one scan at a time. */
    readonly pools: 0 | 1 | 2;
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

/** How a member of the family is computed, which says whether there is a kernel. */
type Computed =
  | { readonly by: "decays"; readonly diagonal: boolean }
  | {
    readonly by: "transitions";
    readonly diagonal: boolean;
    readonly reads: Reads;
    readonly steps?: number;
  }
  | { readonly by: "softmax" }
  | { readonly by: "TensorFlow.js's operations" };

/** A member of the family. */
function member(
  member: string,
  computed: Computed,
  torch?: Omit<NonNullable<Subject["torch"]>, "chunks">,
): Subject {
  return {
    operation: (length) => familyOperation(member, length),
    whyNoKernel: (length) => whyNoKernel(computed, length),
    ...torch && { torch: { ...torch, chunks: [32, 64, 128] } },
  };
}

const PER_TOKEN = { by: "decays", diagonal: false } as const;
const TRANSITIONS = { by: "transitions", diagonal: false } as const;
const PER_CHANNEL = { by: "transitions", diagonal: true } as const;
const OPERATIONS = { by: "TensorFlow.js's operations" } as const;

/** By what they are called; forms are torch_peer.py's names. */
const MEMBERS: Subjects = {
  scalar: member("scalar", PER_TOKEN),
  diagonal: member("gatedLinearAttention", { by: "decays", diagonal: true }, {
    ...{ name: "PyTorch GLA", pools: 0, form: "diagonal" },
  }),
  "gated delta": member("gatedDeltaNet", { ...TRANSITIONS, reads: "delta" }, {
    ...{ name: "PyTorch gated delta rule", pools: 1, form: "gated delta" },
  }),
  "Kimi delta": member("kimiDeltaAttention", {
    ...PER_CHANNEL,
    reads: "delta",
  }),
};

/** Members that are newer than the paper, and what they are compared with. */
const NEWER: Subjects = {
  "gated delta": member("gatedDeltaNet", { ...TRANSITIONS, reads: "delta" }),
  Comba: member("comba", { ...TRANSITIONS, reads: "tied" }),
  DeltaProduct: member(
    "deltaProduct",
    { ...TRANSITIONS, reads: "delta", steps: 2 },
    { name: "PyTorch DeltaProduct", pools: 0, form: "DeltaProduct" },
  ),
  "Kimi delta": MEMBERS["Kimi delta"]!,
  "Gated DeltaNet-2": member(
    "gatedDeltaNet2",
    { ...PER_CHANNEL, reads: "tied" },
    {
      ...{ name: "PyTorch Gated DeltaNet-2", pools: 1 },
      form: "Gated DeltaNet-2",
    },
  ),
  "RWKV-7": member("rwkv7", { ...PER_CHANNEL, reads: "untied" }, {
    ...{ name: "PyTorch RWKV-7", pools: 2, form: "RWKV-7" },
  }),
  "Mamba-2": member("mamba2", PER_TOKEN),
  "Mamba-3": member("mamba3", PER_TOKEN),
  softmax: {
    operation: (length) =>
      softmaxOperation(() => problemOf("lit", HEADS, length)),
    whyNoKernel: (length) => whyNoKernel({ by: "softmax" }, length),
  },
  "forgetting attention": member("forgettingAttention", { by: "softmax" }),
  "log-linear attention": member("logLinearAttention", OPERATIONS),
  PaTH: member("pathAttention", OPERATIONS),
};

/** Of a member of the family: beside another one, PyTorch's scan, and itself. */
function memberBounds(
  series: string,
  forward: number,
  gradients: number,
  torch?: string,
  beside = "scalar",
): Bound[] {
  const own = { at: [4096], series };
  return [
    ...bothPasses(forward, gradients, { ...own, beside }),
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

/** How members are measured, forward and with gradients. */
function measuringOf(members: Subjects): Figure["measure"] {
  return measuring({
    sizes: {
      ...{ gpu: [4096, 16_384], wasm: [1024, 4096], software: [256], cpu: [] },
    },
    quick: [64],
    // Shaders of their gradients take minutes to compile in software.
    passes: ({ power }) => power === "software" ? PASSES.slice(0, 1) : PASSES,
    ...besideOthers(members),
    settings: () => ({ heads: HEADS, "columns of a head": HEAD_DIM }),
  });
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
  measure: measuringOf(MEMBERS),
};

/** Members that are newer than the paper, each beside what it is made from. */
export const newer: Figure = {
  title: "What the newer members cost",
  short: "the newer members of the family",
  about:
    `The gated delta rule beside Comba and DeltaProduct, of two steps a token; Kimi Delta
Attention beside Gated DeltaNet-2 and RWKV-7; Mamba-3 beside Mamba-2, and forgetting
attention beside softmax attention. Both directions; all but these last two in chunks,
not normalised. On WebAssembly PyTorch takes part, with scans in chunks for DeltaProduct,
Gated DeltaNet-2 and RWKV-7; on WebGPU the same in TensorFlow.js operations.`,
  axis: "tokens",
  column: "tokens",
  torch: "beside",
  bounds: [
    ...memberBounds("Comba", 1.1, 1.1, undefined, "gated delta"),
    ...memberBounds(
      ...["Gated DeltaNet-2", 1.1, 1.1, "PyTorch Gated DeltaNet-2"] as const,
      "Kimi delta",
    ),
    ...memberBounds("RWKV-7", 1.7, 1.7, "PyTorch RWKV-7", "Gated DeltaNet-2"),
    ...memberBounds(
      ...["DeltaProduct", 2, 2, "PyTorch DeltaProduct", "gated delta"] as const,
    ),
    ...memberBounds("Mamba-3", 1.6, 1.6, undefined, "Mamba-2"),
    ...bothPasses(1.15, 1.15, {
      ...{ series: "forgetting attention", beside: "softmax", at: [4096] },
    }),
  ],
  seconds: { gpu: 80, wasm: 300, software: 70, cpu: 0 },
  measure: measuringOf(NEWER),
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

/** Why a member has no kernel on the current backend; `null` if it has one. */
function whyNoKernel(computed: Computed, length: number): string | null {
  const sizes = {
    ...{ batch: 1, heads: HEADS, length, chunkSize: undefined },
    ...{ headDim: HEAD_DIM, valueDim: HEAD_DIM, causal: false },
  };
  if (computed.by === "softmax") {
    return hasKernel(SOFTMAX_ATTENTION) ? null : "the backend has no kernel";
  }
  if (computed.by === "TensorFlow.js's operations") {
    return `it is made of ${computed.by}`;
  }
  const plan = computed.by === "decays"
    ? planForm("chunkwise", {
      ...{ ...sizes, diagonal: computed.diagonal, decays: true },
      ...{ normalize: false, precision: "f32" },
    })
    : planTransition({ ...sizes, steps: 1, ...computed });
  return "refusal" in plan ? plan.refusal : null;
}
