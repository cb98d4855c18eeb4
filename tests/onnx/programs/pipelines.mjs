/**
 * Runs folders in transformers.js, in Node or in a page: `models` is where they are.
 *
 * @module
 */

/** What each pipeline answers. */
export async function answers({ env, pipeline, RawImage }, models, asked) {
  env.allowRemoteModels = false;
  // In a page, they are not unless asked for.
  env.allowLocalModels = true;
  env.localModelPath = models;
  const { texts, prompt, count } = asked;
  const found = {};
  for (const dtype of asked.dtypes) {
    const classify = await pipeline("text-classification", "lion/classify", {
      dtype,
    });
    found[dtype] = await classify(texts, { top_k: 2 });
  }
  const extract = await pipeline("feature-extraction", "lion/features", {
    dtype: "fp32",
  });
  const pooled = await extract(texts, { pooling: "mean", normalize: true });
  found.features = (await extract(texts)).tolist();
  found.pooled = pooled.tolist();
  const fill = await pipeline("fill-mask", "lion/words", { dtype: "fp32" });
  found.words = await fill(`good ${fill.tokenizer.mask_token} film`, {
    top_k: 3,
  });
  const look = await pipeline("image-classification", "lion/images", {
    dtype: "fp32",
  });
  const pixels = Uint8ClampedArray.from(
    { length: 768 },
    (_, i) => i * 37 % 256,
  );
  found.images = await look(new RawImage(pixels, 16, 16, 3), { top_k: 3 });
  for (const name of asked.generators) {
    const write = await pipeline("text-generation", `lion/${name}`, {
      dtype: "fp32",
    });
    const ids = write.tokenizer(prompt, { add_special_tokens: false });
    const options = { max_new_tokens: count, do_sample: false };
    const all = await write.model.generate({
      ...{ ...ids, ...options, eos_token_id: -1 },
    });
    found[name] = all.tolist()[0].map(Number);
  }
  return found;
}
