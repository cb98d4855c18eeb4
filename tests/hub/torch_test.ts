/** The loops that directories of models are compared with are PyTorch's modules. @module */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { findPython } from "../../tools/notebooks/jupyter.ts";
import { BERT, GPT2, IMAGE, STATES, TEXT, VIT } from "./directories.ts";
import {
  bertForMaskedLM,
  bertForSequenceClassification,
  type Config,
  gpt2,
  type State,
  vit,
} from "./hugging_face.ts";

const python = await findPython("torch");
if (python === undefined) {
  console.log("skipped: no Python here has torch; `deno task setup --torch`");
}

const IDS = [3, 1, 16, 7];

const CLASSES = {
  ...BERT,
  architectures: ["BertForSequenceClassification"],
  hidden_act: "gelu_new",
};
const EXACT = { ...GPT2, activation_function: "gelu" };

/** Configs, weights, inputs, and what the loops answer. */
const CASES: [Config, State, object, number[]][] = [
  [BERT, STATES.bert, TEXT, bertForMaskedLM(STATES.bert, BERT, TEXT).flat()],
  [
    CLASSES,
    STATES.bert,
    TEXT,
    bertForSequenceClassification(STATES.bert, CLASSES, TEXT),
  ],
  [GPT2, STATES.gpt2, { ids: IDS }, gpt2(STATES.gpt2, GPT2, IDS).flat()],
  [EXACT, STATES.gpt2, { ids: IDS }, gpt2(STATES.gpt2, EXACT, IDS).flat()],
  [VIT, STATES.vit, { image: IMAGE }, vit(STATES.vit, VIT, IMAGE)],
];

Deno.test({
  name: "BERT, GPT-2 and ViT of PyTorch's modules answer what the loops do",
  ignore: python === undefined,
  fn: async () => {
    const process = new Deno.Command(python!, {
      args: [fileURLToPath(new URL("torch_models.py", import.meta.url))],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const cases = CASES.map(([config, state, inputs]) => {
      const weights = [...state].map(([name, { shape, values }]) => [
        name,
        { shape, values: Array.from(values) },
      ]);
      return { config, state: Object.fromEntries(weights), inputs };
    });
    const writer = process.stdin.getWriter();
    await writer.write(new TextEncoder().encode(JSON.stringify(cases)));
    await writer.close();
    const { success, stdout, stderr } = await process.output();
    const text = new TextDecoder();
    assert(success, text.decode(stderr));
    const answers: number[][] = JSON.parse(text.decode(stdout));
    answers.forEach((answer, i) => {
      const wanted = CASES[i]![3];
      assertEquals(answer.length, wanted.length);
      answer.forEach((value, n) => assertAlmostEquals(value, wanted[n]!, 1e-6));
    });
  },
});
