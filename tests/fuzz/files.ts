/** Files that may be anything: each is used, or refused by an error that names it. @module */
import { assert, assertLess } from "@std/assert";
import fc from "fast-check";
import {
  type TokenizerFile,
  tokenizerOf,
  trainTokenizer,
} from "../../lib/data/mod.ts";
import {
  findTuning,
  machineOf,
  saveNumbers,
} from "../../lib/backend/tuning_cache.ts";
import { assertTuning, type TuningNumbers } from "../../lib/kernels/tuning.ts";
import { files, isValid } from "../io/safetensors_mutants.ts";
import { withFolder } from "../io/files.ts";
import { type Json, jsonMutants, jsonTexts } from "../json_mutants.ts";
import { uniform } from "../random.ts";
import { Checkpoints } from "../training/checkpoint_damages.ts";
import { seeds } from "../subjects/draw.ts";
import type { Target } from "./target.ts";

/** Files of tensors, in memory and on the disk. */
export const safetensors: Target<{ bytes: Uint8Array; onDisk: boolean }> = {
  name: "safetensors",
  kind: "files",
  cases: () =>
    fc.record({
      bytes: files,
      onDisk: fc.integer({ min: 0, max: 9 }).map((n) => n === 9),
    }, { noNullPrototype: true }),
  async run({ bytes, onDisk }) {
    if (!onDisk) await isValid(bytes, bytes);
    else {
      await withFolder(async (folder) => {
        await Deno.writeFile(`${folder}/file`, bytes);
        await isValid(bytes, `${folder}/file`);
      });
    }
    return {};
  },
};

/** Checkpoints of a training, which every case damages. */
let trained: Promise<Checkpoints> | undefined;

/** Damaged checkpoints. */
export const checkpoints: Target<{ of: "the newest" | "any"; values: number }> =
  {
    name: "checkpoints",
    kind: "files",
    cases: () =>
      fc.record({
        of: fc.constantFrom("the newest" as const, "any" as const),
        values: seeds,
      }, { noNullPrototype: true }),
    async prepare() {
      const folder = await Deno.makeTempDir({ prefix: "lion_fuzz" });
      globalThis.addEventListener(
        "unload",
        () => Deno.removeSync(folder, { recursive: true }),
      );
      trained = Checkpoints.in(folder);
      await trained;
    },
    async run({ of, values }) {
      await (await trained!).damage(of, uniform(values));
      return {};
    },
  };

/** Milliseconds that a file of a few lines may take. */
const PATIENCE = 5000;

const SPECIALS = ["[PAD]", "[MASK]", "[CLS]", "[SEP]", "[UNK]"];
const LETTERS = ["a", "b", "ab", "##b", "▁", "▁a", "<0x7A>"];
const IDS = Object.fromEntries(
  [...SPECIALS, ...LETTERS].map((x, id) => [x, id]),
);
const ADDED = [{ id: 12, content: "lion", special: false }];

/** A file of each kind of model, and of steps. */
const TOKENIZERS: readonly Json[] = [
  trainTokenizer(["low lower lowest"], { vocabularySize: 270 }) as Json,
  {
    added_tokens: ADDED,
    model: {
      type: "BPE",
      vocab: IDS,
      merges: ["a b"],
      unk_token: "[UNK]",
      byte_fallback: true,
    },
    normalizer: { type: "Lowercase" },
    pre_tokenizer: { type: "Whitespace" },
    post_processor: {
      type: "TemplateProcessing",
      single: [{ Sequence: { id: "A", type_id: 0 } }],
      pair: [
        { Sequence: { id: "A", type_id: 0 } },
        { SpecialToken: { id: "[SEP]", type_id: 0 } },
        { Sequence: { id: "B", type_id: 1 } },
      ],
      special_tokens: { "[SEP]": { id: "[SEP]", ids: [3] } },
    },
    truncation: { max_length: 8, strategy: "OnlyFirst", direction: "Left" },
    decoder: { type: "Fuse" },
  },
  {
    added_tokens: ADDED,
    model: { type: "WordLevel", vocab: IDS, unk_token: "[UNK]" },
    normalizer: { type: "NFKC" },
    pre_tokenizer: {
      type: "Split",
      pattern: { Regex: "\\s+" },
      behavior: "Removed",
      invert: false,
    },
  },
  {
    model: {
      type: "WordPiece",
      vocab: IDS,
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
    },
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "Sequence",
      processors: [
        { type: "ByteLevel" },
        { type: "BertProcessing", cls: ["[CLS]", 2], sep: ["[SEP]", 3] },
      ],
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
  },
  {
    model: {
      type: "Unigram",
      vocab: [...SPECIALS, ...LETTERS].map((token, id) => [token, -id]),
      unk_id: 4,
    },
    pre_tokenizer: {
      type: "Metaspace",
      replacement: "▁",
      prepend_scheme: "always",
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
  },
];

const TEXTS = ["ab z", "", " a  lion ", "[PAD]é\u0000😀", "a".repeat(40) + "!"];

/** Files of tokenizers. */
export const tokenizers: Target<Json> = {
  name: "tokenizers",
  kind: "files",
  cases: () => jsonMutants(TOKENIZERS),
  run(file) {
    const start = performance.now();
    const refuses = <T>(use: () => T): T | undefined => {
      try {
        return use();
      } catch (error) {
        assert(
          error instanceof TypeError || error instanceof RangeError,
          `${error}`,
        );
        assert(/\b(file|text|ids|length)\b/.test(error.message), error.message);
        return undefined;
      }
    };
    const tokenizer = refuses(() =>
      tokenizerOf(file as unknown as TokenizerFile)
    );
    for (const text of tokenizer ? TEXTS : []) {
      const ids = refuses(() => tokenizer!.encode(text)) ?? [];
      for (const id of ids) {
        const { vocabularySize } = tokenizer!;
        assert(
          Number.isInteger(id) && id >= 0 && id < vocabularySize,
          `${id} of ${JSON.stringify(text)} is none of ${vocabularySize} ids`,
        );
      }
      const input = refuses(() =>
        tokenizer!.encodeWithSpecials(text, { pair: "ab", length: 9 })
      );
      assert(!input || input.ids.length === input.types.length);
      assert(!input || input.ids.length <= 9, `${input?.ids}`);
      const decoded = refuses(() => tokenizer!.decode(ids));
      assert(decoded === undefined || typeof decoded === "string");
    }
    assertLess(performance.now() - start, PATIENCE);
    return Promise.resolve({});
  },
};

const HERE = { name: "wasm" as const };
const FORMAT = "lion tunings, format 1";

/** What `deno task tune` may have found. */
const TUNING: TuningNumbers = {
  threads: 2,
  webgpu: { "long 32": { chunkwise: { chunkSize: 40, blockRows: 16 } } },
  wasm: {
    all: { chunkwise: { chunkSize: 44 }, full: { tileSize: 64 } },
    "short 64": { delta: { chunkSize: 16 } },
  },
};

/** Files of tunings. */
export const tunings: Target<string> = {
  name: "tunings",
  kind: "files",
  cases: () =>
    jsonTexts([{
      format: FORMAT,
      machines: [
        { machine: { ...machineOf(HERE) }, tuning: TUNING as Json },
        { machine: { ...machineOf(HERE), adapter: "other" }, tuning: {} },
      ],
    }]),
  async run(text) {
    await withFolder(async (folder) => {
      const path = `${folder}/tuning.json`;
      await Deno.writeTextFile(path, text);
      const named = async (use: () => Promise<unknown>) => {
        try {
          return await use();
        } catch (error) {
          assert(
            error instanceof Error && error.message.includes(path),
            `${error}`,
          );
          return undefined;
        }
      };
      const found = await named(async () => await findTuning(path)(HERE));
      if (found !== undefined) {
        assertTuning(found as TuningNumbers);
        // Of those the machine may have no use, but it lives.
        assertLess((found as TuningNumbers).threads ?? 1, 10_000);
      }
      await named(() => saveNumbers(HERE, TUNING, path));
    });
    return {};
  },
};
