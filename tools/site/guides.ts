/** The documents of the site, by what readers want of them. @module */
import { SYMBOLS } from "./page.ts";

/** A document, or a page that is made of something else. */
export interface Guide {
  /** Its path in the repository; that of a page that is made, in the site. */
  readonly path: string;
  /** What it is called where its own title does not say what it is. */
  readonly name?: string;
  readonly about: string;
}

/** Documents of one kind. */
export interface Kind {
  /** What its documents count in a search. */
  readonly weight: number;
  readonly guides: readonly Guide[];
}

/** All of them, in the order in which they may be read. */
export const KINDS: Readonly<Record<string, Kind>> = {
  "Tutorials": {
    weight: 1,
    guides: [
      {
        path: "README.md",
        name: "Getting started",
        about: "What LION is, a first program, how to try it, limitations",
      },
      {
        path: "notebooks/00_annotated_lion.html",
        name: "The annotated LION",
        about:
          "From softmax to chunks in ten minutes, computed in your browser, with things to move",
      },
      {
        path: "docs/tutorial.md",
        about:
          "From 200 pictures to a page that names others, in a quarter of an hour",
      },
      {
        path: "notebooks/index.html",
        name: "Notebooks",
        about: "LION derived step by step, with each claim computed",
      },
      {
        path: "index.html",
        name: "Try it in your browser",
        about:
          "A demo: draw a digit, hide words, fill a Sudoku, train on your own data",
      },
    ],
  },
  "How-to guides": {
    weight: 1,
    guides: [
      {
        path: "docs/platforms.md",
        about:
          "Installing it in your own Deno project, permissions, Node.js, browsers, and how to double the speed on a CPU",
      },
      {
        path: "docs/choosing.md",
        about:
          "When to use which form and which decay, sequences that do not fit, what a state can track",
      },
      {
        path: "docs/models.md",
        about:
          "Models for images, texts and sequences, your own mixer, and training",
      },
      {
        path: "docs/data.md",
        about:
          "Training on your own images, table of texts or corpus, and fine-tuning a model",
      },
      {
        path: "docs/pretrained.md",
        about:
          "Models from the Hugging Face hub or a folder, and the way from softmax to LION",
      },
      {
        path: "docs/models_for_you.md",
        about:
          "Packages of small models that do something by themselves: languages, gaps in series, punctuation",
      },
      {
        path: "docs/onnx.md",
        about:
          "Models for ONNX Runtime and transformers.js, in fewer bits, and teachers from there",
      },
      {
        path: "docs/diffusion.md",
        about:
          "Filling in texts and puzzles in any order: losses, orders, blocks with states",
      },
      {
        path: "docs/troubleshooting.md",
        about:
          "What goes wrong and what to do, when softmax is better, limits, and a glossary",
      },
      {
        path: "docs/performance.md",
        about:
          "Measuring your machine, the time of each kernel, and what has become slower",
      },
      {
        path: "docs/jupyter.md",
        about: "How to start notebooks, train in cells and draw",
      },
      {
        path: "docs/cluster.md",
        about: "Training on several machines, under MPI",
      },
    ],
  },
  "Reference": {
    weight: 1,
    guides: [
      {
        path: "docs/attention.md",
        about: "The operation and its options, softmax, the family, NaN",
      },
      {
        path: SYMBOLS,
        name: "Symbols by subject",
        about:
          "What each symbol is, in one sentence, and where to import it from",
      },
      {
        path: "api/all_symbols.html",
        name: "All symbols",
        about: "Every symbol, with its signature and an example",
      },
      {
        path: "docs/theorems.md",
        about: "Each identity with its exact proof, code and tests",
      },
    ],
  },
  "Explanation": {
    weight: 1,
    guides: [
      {
        path: "docs/architecture.md",
        about: "Packages and rooms, from a call to its loop, and why",
      },
      {
        path: "docs/kernels.md",
        about: "Chunks and states, decays, threads and shaders",
      },
      {
        path: "docs/operations.md",
        about: "TensorFlow.js's operations, layers and optimizers on all cores",
      },
      {
        path: "docs/recorded_steps.md",
        about: "What train records and replays, and when shaders are compiled",
      },
      {
        path: "docs/testing.md",
        about: "What is compared with what, how closely, and where",
      },
    ],
  },
  "Results": {
    weight: 0.5,
    guides: [
      {
        path: "docs/results.md",
        about:
          "What the variants learn on real data, compared with softmax attention",
      },
      {
        path: "docs/results_by_subject.md",
        about:
          "The same for long sequences, texts, images, synthetic tasks and parts",
      },
      {
        path: "docs/results_protocol.md",
        about:
          "How data are split, rates chosen, and runs found healthy or level",
      },
      {
        path: "docs/paper.md",
        about:
          "Each table and figure of the paper, with its command, its data, and what was trained here",
      },
      {
        path: "bench/RESULTS.md",
        about: "Times compared with PyTorch's, and how to measure them again",
      },
    ],
  },
  "The project": {
    weight: 0.3,
    guides: [
      {
        path: "CONTRIBUTING.md",
        about: "What to read first, how to test, and the rules of the code",
      },
      {
        path: "docs/releasing.md",
        about: "How a version is released",
      },
      {
        path: "SECURITY.md",
        about: "What is promised, who is trusted, and how to report a flaw",
      },
      { path: "CHANGELOG.md", about: "What has changed" },
    ],
  },
};
