/** Folders of Python's: a vocab.txt is a tokenizer, and a new head leaves a model Python's. @module */
import { assertEquals, assertRejects } from "@std/assert";
import { fromPretrained, savePretrained } from "../../lib/hub/mod.ts";
import { classNames, setClassNames } from "../../mod.ts";
import { onCpu, withFolder } from "../io/files.ts";
import { BERT, STATES, writeModel } from "./directories.ts";

/** The content of a folder's config.json. */
const configIn = async (folder: string) =>
  JSON.parse(await Deno.readTextFile(`${folder}/config.json`));

onCpu(
  "a BERT with a new head alone stays one that Python reads",
  () =>
    withFolder(async (folder) => {
      await writeModel(`${folder}/bert`, BERT, STATES.bert);
      const found = await fromPretrained(`${folder}/bert`, {
        head: "classification",
        numClasses: 3,
      });
      await savePretrained(`${folder}/plain`, found);
      const plain = await configIn(`${folder}/plain`);
      assertEquals(
        [plain.model_type, plain.architectures, Object.keys(plain.id2label)],
        ["bert", ["BertForSequenceClassification"], ["0", "1", "2"]],
      );
      const opened = await fromPretrained(`${folder}/plain`);
      assertEquals(opened.weights.initial, []);
      assertEquals(classNames(opened.model), undefined);
      assertEquals(opened.model.outputs[0]!.shape, [null, 3]);
      setClassNames(opened.model, ["a", "b", "c"]);
      await savePretrained(`${folder}/named`, opened);
      const { id2label } = await configIn(`${folder}/named`);
      assertEquals(id2label, { 0: "a", 1: "b", 2: "c" });
      // Another attention is none that Python has.
      const lion = await fromPretrained(`${folder}/bert`, { variant: "s" });
      assertEquals(lion.config.model_type, "lion");
      for (const { model } of [found, opened, lion]) model.dispose();
    }),
);

onCpu(
  "a vocab.txt beside a BERT is its tokenizer",
  () =>
    withFolder(async (folder) => {
      const tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
      const words = ["lion", "##ess", "a", "!", "é"];
      const vocabulary = [...tokens, ...words];
      const bert = `${folder}/bert`;
      await writeModel(bert, BERT, STATES.bert);
      await Deno.writeTextFile(
        `${bert}/vocab.txt`,
        `${vocabulary.join("\n")}\n`,
      );
      const { tokenizer, ...found } = await fromPretrained(bert);
      const input = tokenizer!.encodeWithSpecials("A LIONESS! zebra é");
      // Accents go with upper case, so that é is unknown.
      assertEquals(input.ids, [2, 7, 5, 6, 8, 1, 1, 3]);
      assertEquals(tokenizer!.specials.mask, 4);
      await savePretrained(`${folder}/copy`, { ...found, tokenizer });
      const again = await fromPretrained(`${folder}/copy`);
      assertEquals(again.tokenizer!.encode("a lioness"), [7, 5, 6]);
      await Deno.writeTextFile(
        `${bert}/tokenizer_config.json`,
        JSON.stringify({ do_lower_case: false }),
      );
      const cased = await fromPretrained(bert);
      assertEquals(cased.tokenizer!.encode("A lion é"), [1, 5, 9]);
      await Deno.writeTextFile(`${bert}/vocab.txt`, "lion\n");
      await assertRejects(
        () => fromPretrained(bert),
        RangeError,
        "should have BERT's special tokens",
      );
      for (const { model } of [found, again, cased]) model.dispose();
    }),
);

onCpu(
  "a name that is no folder either says so",
  () =>
    withFolder(async (cache) => {
      const fetch = () => Promise.reject(new TypeError("no network"));
      await assertRejects(
        () => fromPretrained("berts", { fetch, cache }),
        Error,
        "and there is no folder berts here",
      );
    }),
);
