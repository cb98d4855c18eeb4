/** Tokenizers of the families of models give what their plain loops give. @module */
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { tokenizerOf } from "../../lib/data/mod.ts";
import { FAMILIES, type Family, TEXTS } from "./tokenizer_families.ts";

/** The ids of a family's tokens. */
function idsOf({ file }: Family): Map<string, number> {
  const { vocab } = file.model;
  return new Map([
    ...(Array.isArray(vocab)
      ? vocab.map(([token]: [string], id): [string, number] => [token, id])
      : Object.entries(vocab) as [string, number][]),
    ...file.added_tokens!.map(({ content, id }): [string, number] => [
      content,
      id,
    ]),
  ]);
}

for (const [name, family] of Object.entries(FAMILIES)) {
  const ids = idsOf(family);
  const tokenizer = tokenizerOf(family.file);
  const idsOfTokens = (tokens: readonly string[]) =>
    tokens.map((token) => ids.get(token)!);

  Deno.test(`${name}: texts have the tokens of plain loops, and come back`, () => {
    for (const text of TEXTS) {
      const found = tokenizer.encode(text);
      assertEquals(found, idsOfTokens(family.tokens(text)), text);
      assertEquals(tokenizer.decode(found), family.decoded(text), text);
    }
  });

  Deno.test(`${name}: any text has the tokens of plain loops, and comes back`, () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 12 }), (any) => {
        // What no Unicode has assigned, versions of Unicode take for different.
        const text = any.replaceAll(/[\p{Cn}▁]/gu, "");
        const found = tokenizer.encode(text);
        assertEquals(found, idsOfTokens(family.tokens(text)));
        assertEquals(tokenizer.decode(found), family.decoded(text));
      }),
      { numRuns: 200, examples: [["\ufeffa\ufeff"], ["a\u0085\u2028b"]] },
    );
  });

  Deno.test(`${name}: special tokens and types stand where its file says`, () => {
    const [a, b] = ["the lion sleeps", "lions"];
    const texts = { A: tokenizer.encode(a), B: tokenizer.encode(b) };
    const parts = (template: readonly string[]) =>
      template.map((part) =>
        part === "A" || part === "B" ? texts[part] : [ids.get(part)!]
      );
    const one = tokenizer.encodeWithSpecials(a);
    assertEquals(one.ids, parts(family.single).flat());
    assertEquals(one.types, one.ids.map(() => 0));
    const two = tokenizer.encodeWithSpecials(a, { pair: b });
    assertEquals(two.ids, parts(family.pair).flat());
    const specials = [...family.types.specials];
    const types = family.pair.flatMap((part) =>
      part === "A"
        ? texts.A.map(() => 0)
        : part === "B"
        ? texts.B.map(() => family.types.second)
        : [Number(specials.shift())]
    );
    assertEquals(two.types, types);
  });
}

Deno.test("special tokens are those of options, configuration, model, and known names", () => {
  const named = ({ file, config }: Family, options = {}) => {
    const { specials } = tokenizerOf(file, { config, ...options });
    const tokens = new Map(
      [...idsOf({ file } as Family)].map(([token, id]) => [id, token]),
    );
    return Object.fromEntries(
      Object.entries(specials).map(([kind, id]) => [kind, tokens.get(id)]),
    );
  };
  const END = "<|endoftext|>";
  const cases: [string, object, object][] = [
    ["BERT", {}, {
      ...{ pad: "[PAD]", mask: "[MASK]", cls: "[CLS]", sep: "[SEP]" },
      unk: "[UNK]",
    }],
    ["RoBERTa", {}, {
      ...{ pad: "<pad>", mask: "<mask>", cls: "<s>", sep: "</s>" },
      unk: "<unk>",
    }],
    ["GPT-2", {}, { cls: END, sep: END }],
    ["GPT-2", { pad: END }, { pad: END, cls: END, sep: END }],
    ["Llama 2", {}, { cls: "<s>", sep: "</s>", unk: "<unk>" }],
    ["Llama 3", {}, { cls: "<|begin_of_text|>", sep: "<|end_of_text|>" }],
    ["Qwen", {}, { pad: END, sep: "<|im_end|>" }],
    ["Qwen", { config: undefined }, { sep: END }],
    ["Qwen", { config: { sep_token: "<|none|>" } }, { sep: END }],
    ["T5", {}, { pad: "<pad>", sep: "</s>", unk: "<unk>" }],
  ];
  for (const [name, options, expected] of cases) {
    assertEquals(named(FAMILIES[name]!, options), expected, name);
  }
  const { file } = FAMILIES["GPT-2"]!;
  const { specials } = tokenizerOf(file);
  assertEquals(Object.hasOwn(specials, "mask"), false);
  assertEquals(Deno.inspect(specials), `{ sep: ${specials.sep} }`);
  const errors: [
    () => unknown,
    typeof TypeError | typeof RangeError,
    string,
  ][] = [
    [
      () => specials.mask,
      RangeError,
      'a special token for mask, got none; name one: tokenizerOf(file, { mask: "…" })',
    ],
    [
      () => tokenizerOf(file, { pad: "[PAD]" }),
      RangeError,
      'pad should be a token of the file, got "[PAD]"',
    ],
    [
      () => tokenizerOf(file, { pad: 1 as never }),
      TypeError,
      "pad should be the name of a token, got 1",
    ],
    [
      () => tokenizerOf(file, { config: { eos_token: 3 } }),
      TypeError,
      "config.eos_token should be the name of a token, got 3",
    ],
    [
      () => tokenizerOf(file, { config: "GPT-2" as never }),
      TypeError,
      'config should be the value of a tokenizer_config.json, got "GPT-2"',
    ],
  ];
  for (const [call, Kind, message] of errors) {
    assertThrows(call, Kind, message);
  }
});
