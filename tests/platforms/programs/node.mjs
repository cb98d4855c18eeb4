/** What the library does in Node, files included; prints what came out as JSON. */
import { textLines } from "@lionjs/lion/data";
import { loadBrown } from "@lionjs/lion/datasets";
import { readSafetensors, writeSafetensors } from "@lionjs/lion/io";
import { Figure, interruptSignal } from "@lionjs/lion/notebook";
import { loadCheckpoint } from "@lionjs/lion/training";
import * as tf from "@tensorflow/tfjs-core";
import { loadLayersModel } from "@tensorflow/tfjs-layers";
import { readdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { exercise, makeModel, trainModel } from "./exercise.mjs";

const [folder, threads] = process.argv.slice(2);
const result = await exercise({
  prefer: ["wasm"],
  ...threads && { threads: Number(threads) },
});

const values = [1.5, -2, 3e-38];
await writeSafetensors(`${folder}/x.safetensors`, { x: tf.tensor1d(values) });
const { tensors } = await readSafetensors(`${folder}/x.safetensors`);
const read = [...await tensors.get("x").data()];

const options = {
  checkpoints: { folder: `${folder}/run`, every: 5, resume: true },
  log: `${folder}/log.jsonl`,
};
const whole = await trainModel(makeModel(), 10);
const stopped = await trainModel(makeModel(), 10, {
  ...options,
  signal: AbortSignal.abort(),
});
const model = makeModel();
const rest = await trainModel(model, 10, options);
const [last] = (await readdir(`${folder}/run`)).sort().reverse();
await loadCheckpoint(makeModel(), `${folder}/run/${last}`);

await model.save(`file://${folder}/model`);
const copy = await loadLayersModel(`file://${folder}/model/model.json`);
const x = [tf.tensor2d([[1, 3]], [1, 2], "int32"), tf.ones([1, 2])];
const [y, same] = await Promise.all(
  [model, copy].map((model) => model.predict(x).data()),
);

const messageOf = (promise) => promise.then(() => "none", String);
console.log(JSON.stringify({
  ...result,
  cores: availableParallelism(),
  read,
  isResumed: stopped.length < 10 &&
    JSON.stringify([...stopped, ...rest].slice(-10)) === JSON.stringify(whole),
  isLoaded: y.every((value, i) => value === same[i]),
  log: (await textLines(`${folder}/log.jsonl`)).length,
  isStopped: interruptSignal().aborted,
  brown: await messageOf(loadBrown()),
  picture: await messageOf(new Figure([{ y: [1, 2] }]).toImage()),
}));
