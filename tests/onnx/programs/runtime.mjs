/**
 * Runs ONNX files in a runtime for Node: `node runtime.mjs PACKAGE FOLDER`. The folder's
 * calls.json lists files, each with inputs and what should come; the answer is the
 * largest error of each, in parts of the largest value.
 *
 * @module
 */
import { readFile } from "node:fs/promises";

const [, , runtime, folder] = process.argv;
const { InferenceSession, Tensor } = await import(runtime);
const files = JSON.parse(await readFile(`${folder}/calls.json`, "utf8"));

const tensorOf = ({ isInteger, dims, values }) =>
  isInteger
    ? new Tensor("int64", BigInt64Array.from(values.map(BigInt)), dims)
    : new Tensor("float32", Float32Array.from(values), dims);

const errors = {};
for (const { name, calls } of files) {
  try {
    const path = `${folder}/${name}`;
    // In Node, this package reads paths; the one for pages gets bytes.
    const source = runtime === "onnxruntime-node" ? path : await readFile(path);
    const session = await InferenceSession.create(source, {
      intraOpNumThreads: 1,
    });
    let largest = 0;
    for (const { feeds, wanted } of calls) {
      const given = Object.entries(feeds)
        .map(([name, value]) => [name, tensorOf(value)]);
      const outputs = await session.run(Object.fromEntries(given));
      const { data, dims } = Object.values(outputs)[0];
      const scale = Math.max(...wanted.values.map(Math.abs));
      const error = dims.join() === wanted.dims.join()
        ? Math.max(...wanted.values.map((x, i) => Math.abs(x - data[i]))) /
          scale
        : Infinity;
      // A NaN is no larger than anything.
      largest = Number.isNaN(error) ? Infinity : Math.max(largest, error);
    }
    errors[name] = largest === Infinity
      ? "no number, or another shape"
      : largest;
    await session.release();
  } catch (error) {
    errors[name] = String(error?.message ?? error);
  }
}
console.log(JSON.stringify(errors));
process.exit();
