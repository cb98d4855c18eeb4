/**
 * The `post_processor`, the `truncation` and the `padding` of a `tokenizer.json`:
 * what a model reads of texts.
 *
 * Source: Hugging Face's documentation of tokenizers, "Post-processors".
 *
 * @module
 */
import { shown } from "@lionjs/base";
import type { Template, TemplatePart, Truncation } from "./text_input.ts";
import { bertTemplate, NO_TRUNCATION } from "./text_input.ts";
import { namesIn } from "./special_tokens.ts";
import {
  assertFields,
  type Check,
  type Fields,
  integer,
  isObject,
  list,
  oneOf,
  optional,
  text,
  type Unchecked,
  wrong,
} from "./tokenizer_json/tokenizer_checks.ts";

const NAME = "file.post_processor";

/** Largest type of a token. */
const MOST_TYPES = 1000;

const entries = list((name, value) => {
  if (!isObject(value)) wrong(name, "an object", value);
  const [[kind, entry] = [], ...others] = Object.entries(value);
  const fields = Object.hasOwn(ENTRIES, kind ?? "") && ENTRIES[kind!];
  if (!fields || others.length > 0 || !isObject(entry)) {
    wrong(name, "{ Sequence: … } or { SpecialToken: … }", value);
  }
  assertFields(`${name}.${kind}`, entry, fields);
});
const ENTRIES: Readonly<Record<string, Fields>> = {
  Sequence: { id: oneOf("A", "B"), type_id: integer(0, MOST_TYPES) },
  SpecialToken: { id: text, type_id: integer(0, MOST_TYPES) },
};
/** A special token as a pair of its name and id. */
const named: Check = (name, value) => {
  const [token, id] = Array.isArray(value) ? value : [];
  if (typeof token === "string" && Number.isInteger(id) && id >= 0) return;
  wrong(name, "a token and its id", value);
};
const specials: Check = (name, value) => {
  if (!isObject(value)) wrong(name, "an object", value);
  for (const [token, one] of Object.entries(value)) {
    if (!isObject(one)) wrong(`${name}[${shown(token)}]`, "an object", one);
    list(integer(0))(`${name}[${shown(token)}].ids`, one["ids"]);
  }
};

/** The fields of each type of post-processor that are read; all others are ignored. */
const TYPES: Readonly<Record<string, Fields>> = {
  BertProcessing: { cls: named, sep: named },
  ByteLevel: {}, // It changes only which characters of a text a token is.
  RobertaProcessing: { cls: named, sep: named },
  TemplateProcessing: {
    single: entries,
    pair: entries,
    special_tokens: optional(specials),
  },
};

const PADDING: Fields = {
  pad_id: optional(integer(0)),
  pad_token: optional(text),
};

/** Python's classes of tokenizers that add tokens as their config says, whatever the file. */
const BY_CONFIG = /^(Code)?Llama|^Gemma/;

const TRUNCATION: Fields = {
  max_length: integer(0),
  strategy: optional(oneOf("LongestFirst", "OnlyFirst", "OnlySecond")),
  direction: optional(oneOf("Left", "Right")),
};

/** Reads the template of a post-processor. */
export function templateOf(
  value: unknown,
  ids: ReadonlyMap<string, number>,
  config?: object,
): Template {
  const known = new Set(ids.values());
  const found = processorsOf(NAME, value).filter(({ type }) =>
    type !== "ByteLevel"
  );
  if (found.length > 1) {
    throw new RangeError(
      `${NAME} should have one processor that adds tokens, got ${
        found.map(({ type }) => type).join(", ")
      }`,
    );
  }
  const [processor] = found;
  const byFile = processor ? templateOfOne(processor, ids) : PLAIN;
  const isByConfig = !processor ||
    BY_CONFIG.test(String(Object(config).tokenizer_class));
  const template = isByConfig && templateByConfig(config, ids) || byFile;
  for (const part of [...template.single, ...template.pair]) {
    for (const id of "ids" in part ? part.ids : []) {
      if (known.has(id)) continue;
      throw new RangeError(
        `${NAME} should add tokens of the vocabulary, got id ${id}`,
      );
    }
  }
  return template;
}

const PLAIN: Template = {
  single: [{ text: 0, type: 0 }],
  pair: [{ text: 0, type: 0 }, { text: 1, type: 1 }],
};

/**
 * The template of `add_bos_token` and `add_eos_token`, as Python's Llama has it;
 * `undefined` if the config has neither.
 */
function templateByConfig(
  config: object | undefined,
  ids: ReadonlyMap<string, number>,
): Template | undefined {
  const { tokenizer_class: owner, ...flags } = Object(config);
  const isLlama = BY_CONFIG.test(String(owner));
  const [bos, eos] = (["bos", "eos"] as const).map((kind) => {
    const flag = flags[`add_${kind}_token`] ?? undefined;
    if (flag === undefined || typeof flag === "boolean") return flag;
    throw new TypeError(
      `config.add_${kind}_token should be true or false, got ${shown(flag)}`,
    );
  });
  if (bos === undefined && eos === undefined) return undefined;
  /** The ids of a wanted token; none if the config has no such token, as in Python. */
  const part = (isWanted: boolean, field: string, type: number) => {
    const [name] = isWanted ? namesIn(config, field) : [];
    const id = name === undefined ? undefined : ids.get(name);
    return id === undefined ? [] : [{ ids: [id], type }];
  };
  const around = (text: 0 | 1): TemplatePart[] => [
    ...part(bos ?? isLlama, "bos_token", text),
    { text, type: text },
    ...part(eos ?? false, "eos_token", text),
  ];
  return { single: around(0), pair: [...around(0), ...around(1)] };
}

/** Checks post-processors, and lists those of sequences one by one. */
function processorsOf(name: string, value: unknown): Unchecked[] {
  if (value === null || value === undefined) return [];
  if (!isObject(value)) wrong(name, "an object", value);
  const { type } = value;
  if (type === "Sequence") {
    const all: Unchecked[] = [];
    list((name, one) => {
      // A sequence may not contain another, which would be useless and might never end.
      if (!isObject(one)) wrong(name, "an object", one);
      oneOf(...Object.keys(TYPES))(`${name}.type`, one["type"]);
      all.push(...processorsOf(name, one));
    })(`${name}.processors`, value["processors"]);
    return all;
  }
  oneOf(...Object.keys(TYPES), "Sequence")(`${name}.type`, type);
  assertFields(name, value, TYPES[type as string]!);
  return [value];
}

function templateOfOne(
  processor: Unchecked,
  ids: ReadonlyMap<string, number>,
): Template {
  if (processor["type"] === "TemplateProcessing") {
    const parts = (field: "single" | "pair") =>
      (processor[field] as TemplateEntry[]).map((entry) =>
        partOf(entry, processor, ids)
      );
    return { single: parts("single"), pair: parts("pair") };
  }
  const [cls, sep] = [processor["cls"], processor["sep"]].map((token) =>
    (token as [string, number])[1]
  ) as [number, number];
  const bert = bertTemplate(cls, sep);
  if (processor["type"] === "BertProcessing") return bert;
  // RoBERTa: <s> a </s></s> b </s>, all of type 0.
  const { single } = bert;
  const end = { ids: [sep], type: 0 };
  return { single, pair: [...single, end, { text: 1, type: 0 }, end] };
}

/** A part of a template in a file. */
interface TemplateEntry {
  readonly Sequence?: { readonly id: "A" | "B"; readonly type_id: number };
  readonly SpecialToken?: { readonly id: string; readonly type_id: number };
}

function partOf(
  { Sequence: sequence, SpecialToken: special }: TemplateEntry,
  { special_tokens: specials }: Unchecked,
  ids: ReadonlyMap<string, number>,
): TemplatePart {
  if (sequence) {
    return { text: sequence.id === "A" ? 0 : 1, type: sequence.type_id };
  }
  const { id: token, type_id: type } = special!;
  const owner = Object(specials) as Record<string, { ids: number[] }>;
  if (Object.hasOwn(owner, token)) return { ids: owner[token]!.ids, type };
  const id = ids.get(token);
  if (id !== undefined) return { ids: [id], type };
  throw new RangeError(
    `${NAME}.special_tokens should have ${
      shown(token)
    }, which its template names`,
  );
}

/** Reads the padding token of a file; `undefined` if there is none. */
export function paddingOf(
  value: unknown,
  ids: ReadonlyMap<string, number>,
): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (!isObject(value)) wrong("file.padding", "an object", value);
  assertFields("file.padding", value, PADDING);
  const { pad_token: token, pad_id: id } = value as {
    readonly pad_token?: string | null;
    readonly pad_id?: number | null;
  };
  const known = ids.get(token ?? "");
  if (known === undefined) return undefined; // as files have that no one pads with
  if (known === (id ?? known)) return token!;
  throw new RangeError(
    `file.padding.pad_id should be ${known}, that of ${
      shown(token)
    }, got ${id}`,
  );
}

export function truncationOf(value: unknown): Truncation {
  if (value === null || value === undefined) return NO_TRUNCATION;
  if (!isObject(value)) wrong("file.truncation", "an object", value);
  assertFields("file.truncation", value, TRUNCATION);
  return {
    length: value["max_length"] as number,
    strategy: (value["strategy"] ?? "LongestFirst") as Truncation["strategy"],
    direction: (value["direction"] ?? "Right") as Truncation["direction"],
  };
}
