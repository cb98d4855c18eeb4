/** What the figures are about: the paper's, and why ours may differ. @module */
import type { Variant } from "../attention_problem.ts";
import type { FigureName } from "../../measure/report_file.ts";

/** What a variant is called. */
export const VARIANT_NAMES: Readonly<Record<Variant, string>> = {
  lit: "LION-LIT",
  d: "LION-D",
  s: "LION-S",
};

/** A figure's title, and what to see in it. */
export interface FigureText {
  readonly title: string;
  /** What is measured, in the titles of its plots. */
  readonly short: string;
  /** Markdown. */
  readonly about: string;
}

/** By figure. */
export const TEXTS: Readonly<Record<FigureName, FigureText>> = {
  forms: {
    title: "Memory against time of the forms (figure 1)",
    short: "the forms",
    about:
      `One sequence in each form of LION-LIT, LION-D and LION-S. In the paper
the recurrent form is the slowest and smallest, and the chunkwise form lies between
the other two in memory and is the fastest for LIT and D. Besides its output the
recurrent form keeps two states, whatever the length. Our full and blockwise forms
are kernels that keep no matrix of length × length, so they lie closer to the others
in memory than the paper's; without a decay, on a GPU, they keep only their output. The paper's
full form is *full in tfjs*: operations that keep the matrix, as its code does. On
cpu, which has no kernels, *full* means these operations.`,
  },
  lengths: {
    title: "Time and memory against length, and the roofline",
    short: "LION-S and softmax",
    about:
      `LION-S; the full form and softmax attention both as our kernels and in TensorFlow.js
operations, as the papers compute them; and a loop over Float32Array as written by
hand. The time of the chunkwise and recurrent forms grows with
the length, that of the full and blockwise forms and of softmax with its square. The
list below says why points are missing. The flat part of the roofline is the rate of
the backend's largest matrix product, its slope the bandwidth of a copy, both
measured in this run; operations and bytes are the least that a form must do and
move, times three with gradients. A
kernel that multiplies better than that product lies above the roof, as ours do
on WebGPU in software. On WebGPU with timestamps a point is the time of its
kernels alone.`,
  },
  peers: {
    title: "Compared with other libraries",
    short: "attention in other libraries",
    about:
      `LION-S in our chunkwise form and as others compute it, taking turns in this run:
PyTorch on the CPU, by a scan in chunks (*PyTorch*) and by the authors' full form
with a mask for each direction; two causal sweeps of ONNX Runtime's operator
LinearAttention; jax-js, by the same scan in chunks; and the loop over Float32Array.
Softmax attention, a different function, is timed in our kernel, in TensorFlow.js and
in PyTorch (SDPA).
PyTorch uses the thread pool of either OpenBLAS or OpenMP, since the two disturb
each other. Each result was checked before it was timed. PyTorch and ONNX
Runtime are compared with WebAssembly, which computes on the same cores. Only the
time of other libraries is measured, not their memory.`,
  },
  chunks: {
    title: "Chunk size against time and memory (figure 4)",
    short: "LION-D in chunks",
    about:
      `LION-D in chunks. The paper shows the entire model at 1,248 pixels; here it is
only its attention. Small chunks keep many states, large ones multiply large blocks of
scores. Without \`chunkSize\` the kernel chooses for itself.`,
  },
  resolutions: {
    title: "A vision transformer against resolution (figures 3 and 10)",
    short: "a vision transformer",
    about:
      `Inference of one image, with softmax attention, LION-D in its forms, Hydra
and Vim; the paper's full form is *LION-D, full in tfjs*. Memory is what is needed besides the weights and the image. In the paper softmax's memory grows
with the square of the tokens; ours is a kernel that keeps no scores, so only its
time does. In the paper, Hydra and Vim are faster than LION at high resolution, since they had
GPU kernels and LION had none; here all have kernels. The rivals have twice as many
blocks, without perceptrons.`,
  },
  tokens: {
    title: "The next token (figure 6)",
    short: "the next token of a GPT",
    about:
      `A GPT writes one token after a text. The time of attention that rereads the entire
text grows with its length; a KV cache saves the products and keeps every key and
value, which it reads for each token; the recurrence has a state of fixed size. Our
cache is copied with each new token, so its time grows with the text sooner than
that of a cache written in place. Memory is that of the state and of the new
token, without the weights.`,
  },
  memory: {
    title: "Memory against length (figure 9)",
    short: "an encoder",
    about:
      `An encoder of two blocks, for one sequence: inference and a training step with
Adam. In the paper BERT's memory is quadratic, LION's and Hydra's linear. BERT's
attention is *softmax in tfjs* here, which keeps its scores; *softmax* is our
kernel, which does not, and is linear too.`,
  },
  training: {
    title: "A training step and inference, compared with softmax",
    short: "models",
    about:
      `Forward, backward and Adam for one example, and inference. The paper's ratios
are for entire training runs on a GPU with batches, for models of the tiny size
(Hydra: the small one), with LION's full form in operations, like those called
*in tfjs* here; unless stated otherwise, LION takes the chunkwise form. With one image and 197 tokens the dense layers are
most of a step, which brings the ratios of attention closer to 1.`,
  },
  family: {
    title: "What the family costs",
    short: "the family",
    about:
      `Attention with a decay for each token (*scalar*), compared with a decay for each
channel (*diagonal*: GLA, HGRN-2, RWKV-6), the gated delta rule, and the delta rule
with a decay for each channel (*Kimi delta*). Both directions, in chunks, not
normalised. On WebAssembly PyTorch takes part, with a scan in chunks for GLA and
for the gated delta rule; on WebGPU the same in TensorFlow.js operations.`,
  },
  scan: {
    title: "The selective scan of Mamba",
    short: "Mamba's selective scan",
    about:
      `One sequence with the channels of Vision Mamba's smallest model, gates
included, compared with a scan in chunks in PyTorch, with the best chunk size, or with
the same in TensorFlow.js operations.`,
  },
  products: {
    title: "Matrix products",
    short: "matrix products",
    about:
      `The product of a dense layer in all transposes, as its gradients need them (N
is as it is, T transposed), and a batch of small products.`,
  },
  steps: {
    title: "A training step, compared with PyTorch",
    short: "training steps",
    about:
      `Forward, backward and Adam for an encoder of two blocks: many short sequences,
where kernels are small, and a long one, where they are large. The losses of the
first steps are compared.`,
  },
  operations: {
    title: "Operations, compared with PyTorch",
    short: "single operations",
    about:
      `The building blocks of code outside attention: one TensorFlow.js operation on a
million numbers, or the gradient of a short chain of operations, on matrices of 1024
rows and columns; the convolution has 64 channels and 128 pixels per side. Both libraries
allocate new memory for their outputs, as ordinary code does. PyTorch's time is that
of its quickest setting: threads in the pool of OpenBLAS, of OpenMP, or of both, in
which case they sleep while they wait; and channels last or first.`,
  },
  models: {
    title: "Models, compared with PyTorch",
    short: "models",
    about:
      `Inference, and a training step with Adam, of a model with each mixer, compared with
PyTorch's model of the same sizes with softmax attention
(\`scaled_dot_product_attention\`), inference mode and its fused Adam. PyTorch's
threads are in the pool of OpenBLAS, of OpenMP, or of both, whichever is quickest
for the model. Logits and the losses of the first steps of the model with softmax attention are compared with PyTorch's; a
model of one block with each mixer is compared with plain forms.`,
  },
  large: {
    title: "Large models, compared with PyTorch",
    short: "large models",
    about:
      `The same for models whose runs take seconds on two cores: few runs are timed, and
the figure is measured only on request.`,
  },
  optimizers: {
    title: "A training step by hand, by train, and with tf.train.adam",
    short: "optimizers",
    about:
      `The same step of ViT-tiny with LION-S: by hand with this library's Adam or with
TensorFlow.js's, and by \`train\`, without clipping and with the clipping that it
does by default. A step of \`train\` lasts until it asks for the next batch.`,
  },
  mixer: {
    title: "A custom mixer, compared with PyTorch",
    short: "a custom mixer",
    about:
      `A training step of an encoder whose mixer is the one in the documentation of
\`Mixer\`, a moving average of each channel in a few lines. PyTorch's is the scan in
chunks or a matrix of weights for each channel, whichever is quicker.`,
  },
  overhead: {
    title: "What a small step costs beyond its kernels",
    short: "a small training step",
    about:
      `A step of \`train\` with many short sequences, as it is and with \`record: false\`,
and the sum of the times of the kernels that it runs: the rest is JavaScript, launches
and, where nothing is recorded, the layers' code and the tape of gradients.`,
  },
  recompute: {
    title: "Training with recomputed blocks",
    short: "training with recomputed blocks",
    about:
      `Steps of \`train\` that keep what gradients need, and steps with \`recompute\`, which
computes each block again for its gradients. Memory is the peak of everything: model,
gradients, optimizer and step. The losses of a small model are the same to the last
bit.`,
  },
  flags: {
    title: "After attention, with and without V8 flags",
    short: "code that runs after attention",
    about:
      `A million calls of V8's functions, and TensorFlow.js's square root of a million
numbers, right after attention, in processes with the flags of \`deno task fast\` and
without. Some processors run other code many times more slowly after vectors of 256
bits unless these are cleared. The time is each process's shortest.`,
  },
  size: {
    title: "The size of the module",
    short: "the module",
    about:
      `The module of WebAssembly kernels after brotli, which compresses it best, compared
with its size in an earlier version.`,
  },
  launches: {
    title: "What a training step asks of WebGPU",
    short: "a step",
    about:
      `A step of \`train\` with LION-S as it is and with \`record: false\`: its time on the
processor, in all threads, and by the wall clock, and how often it launches a shader,
submits, writes, and makes bind groups and buffers. On a GPU the time on the processor
is what JavaScript and the driver take; where it is close to the wall clock's, the GPU
waits for them. On a software adapter it is mostly what the adapter computes. The first
step is that of a new device: it compiles all pipelines, unless the driver has kept
them. On a GPU this figure also has the next token of a language model of 12 blocks.`,
  },
  kernels: {
    title: "The kernels of LION-S, forward and with gradients",
    short: "the kernels of LION-S",
    about:
      `What \`profile\` finds, longest first; on WebGPU each launch separately. The
JavaScript between kernels is not included. A kernel's share of the roof compares the
least that it must do and move with what the machine's best product or its bandwidth,
whichever is lower, would allow; a kernel's launches count together. The column
*GB/s* is the rate of a kernel that moves each of its numbers once.`,
  },
};

/** Training time relative to softmax in the paper's tables 2 and 12, of the tiny size; Hydra's of the small one. */
const PAPER_TRAINING: Readonly<Record<string, number>> = {
  "LION-LIT": 0.69,
  "LION-D": 1.48,
  "LION-D snakes": 1.73,
  "LION-S": 2.05,
  "LION-S snakes": 3.83,
  Hydra: 2.5,
  Vim: 9.48,
};

/** The paper's ratio for a series of a training step; `undefined` if it has none. */
export function paperRatioOf(
  panel: string,
  series: string,
): number | undefined {
  if (!panel.startsWith("training")) return undefined;
  return PAPER_TRAINING[series.replace(", full in tfjs", "")];
}

/** What is on the horizontal axis of a figure. */
export const PLACES: Partial<Record<FigureName, string>> = {
  lengths: "tokens",
  peers: "tokens",
  chunks: "tokens per chunk",
  resolutions: "pixels per side",
  tokens: "tokens of text",
  memory: "tokens",
  family: "tokens",
  scan: "tokens",
};

/** Pairs whose crossing is told where both were measured: who should be faster at last, and than whom. */
export const CROSSINGS: Partial<
  Record<FigureName, readonly (readonly [faster: string, slower: string])[]>
> = {
  lengths: [
    ["chunkwise", "softmax"],
    ["chunkwise", "softmax in tfjs"],
    ["chunkwise", "full"],
    ["chunkwise", "full in tfjs"],
    ["recurrent", "full"],
    ["recurrent", "full in tfjs"],
  ],
  peers: [
    ["chunkwise", "PyTorch"],
    ["chunkwise", "PyTorch full, OpenMP"],
    ["chunkwise", "ONNX Runtime, LinearAttention"],
    ["chunkwise", "jax-js, wasm"],
    ["chunkwise", "jax-js, webgpu"],
  ],
  resolutions: [
    ["LION-D", "softmax"],
    ["LION-D", "Hydra"],
    ["LION-D", "Vim"],
    ["LION-D, recurrent", "softmax"],
  ],
  tokens: [
    ["LION-S, recurrence", "attention, KV cache"],
    ["LION-S, recurrence", "attention, recomputed"],
    ["attention, KV cache", "attention, recomputed"],
  ],
};
