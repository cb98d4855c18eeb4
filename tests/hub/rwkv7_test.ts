/** Folders of flash-linear-attention's RWKV-7, read and written again. @module */
import { assertEquals, assertLess, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { fromPretrained, savePretrained } from "../../lib/hub/mod.ts";
import { onCpu, withFolder } from "../io/files.ts";
import {
  rwkv7Logits,
  type Rwkv7Sizes,
  rwkv7StateDict,
} from "../io/rwkv7_reference.ts";
import { writeModel } from "./directories.ts";

const SIZES: Rwkv7Sizes = {
  ...{ vocabulary: 11, dim: 8, heads: 2, layers: 2, hidden: 64 },
  ranks: [5, 4, 3, 6],
};

/** A config.json, some of whose fields Python leaves null. */
const CONFIG = {
  ...{ model_type: "rwkv7", architectures: ["RWKV7ForCausalLM"] },
  ...{ hidden_size: 8, num_hidden_layers: 2, head_dim: 4, num_heads: null },
  ...{ hidden_ratio: 6, intermediate_size: null, vocab_size: 11 },
  ...{ decay_low_rank_dim: 5, a_low_rank_dim: 4, v_low_rank_dim: 3 },
  ...{ gate_low_rank_dim: 6, norm_eps: 1e-5, attn: null, value_dim: [8, 8] },
  ...{ tie_word_embeddings: false, torch_dtype: "float32" },
};

const TEXT = [3, 1, 4, 1, 5];

onCpu(
  "a folder of RWKV-7 predicts what its modules do, saved too",
  () =>
    withFolder(async (folder) => {
      const dict = rwkv7StateDict(SIZES);
      await writeModel(folder, CONFIG, dict);
      const expected = rwkv7Logits(dict, SIZES, TEXT).flat();
      const largest = Math.max(...expected.map(Math.abs));
      const read = await fromPretrained(folder, { tokenizer: false });
      assertEquals(read.weights.initial, []);
      assertEquals(read.weights.unused, []);
      // Python drops the fraction of 64.4 before it rounds up to a multiple of 32.
      await writeModel(folder, { ...CONFIG, hidden_ratio: 8.05 }, dict);
      const wide = await fromPretrained(folder, { tokenizer: false });
      assertEquals(wide.weights.unused, []);
      wide.model.dispose();
      const saved = `${folder}/saved`;
      await savePretrained(saved, { model: read.model, config: read.config });
      const again = await fromPretrained(saved, { tokenizer: false });
      for (const { model } of [read, again]) {
        const logits = tf.tidy(() =>
          model.predict(tf.tensor2d([TEXT], [1, 5], "int32")) as tf.Tensor
        );
        (await logits.data()).forEach((x, i) =>
          assertLess(Math.abs(x - expected[i]!), 2e-5 * largest)
        );
        logits.dispose();
        model.dispose();
      }
    }),
);

onCpu(
  "RWKV-7 of other kinds is refused by name",
  () =>
    withFolder(async (folder) => {
      const dict = rwkv7StateDict(SIZES);
      for (
        const [fields, message] of [
          [{ norm_first: false }, "norm_first"],
          [{ attn: { layers: [1] } }, "attn"],
          [{ value_dim: 16 }, "value_dim"],
          [{ tie_word_embeddings: true }, "tie_word_embeddings"],
          [{ architectures: ["RWKV7Model"] }, "architectures"],
          [{ gate_low_rank_dim: 7 }, "g_lora.lora.0.weight"],
        ] as const
      ) {
        await writeModel(folder, { ...CONFIG, ...fields }, dict);
        await assertRejects(() => fromPretrained(folder), RangeError, message);
      }
      await writeModel(folder, CONFIG, dict);
      await assertRejects(
        () => fromPretrained(folder, { variant: "s" }),
        RangeError,
        "variant is not for RWKV-7",
      );
    }),
);
