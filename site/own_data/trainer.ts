/// <reference lib="dom" />
/** The worker that trains on a visitor's data, which nothing leaves. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { answerCalls } from "../answer_calls.ts";
import { start } from "../device.ts";
import { archiveOf } from "./archive.ts";
import type { News, Settings, TrainerCalls } from "./calls.ts";
import { learn } from "./learn.ts";
import { onnxFileOf } from "./onnx_file.ts";
import {
  countPictures,
  pictureTask,
  readPictures,
  type SmallPicture,
  useCodecs,
} from "./pictures.ts";
import { describeTable, readTable, type Table } from "./table.ts";
import type { Task } from "./task.ts";
import { textTask } from "./texts.ts";

useCodecs();

/** What was read last. */
let data: { pictures: SmallPicture[] } | { table: Table } | undefined;

/** What was trained last. */
let trained: { model: LayersModel; task: Task } | undefined;

function taskOf({ columns, mirrors }: Settings): Task {
  if (!data) throw new Error("there should be data first");
  return "table" in data
    ? textTask(data.table, columns!)
    : pictureTask(data.pictures, mirrors);
}

answerCalls<TrainerCalls>({
  async readPictures(files, port) {
    const { pictures, passed } = await readPictures(files, (count) => {
      const news: News = { kind: "decoded", count };
      port.postMessage(news);
    });
    data = { pictures };
    return countPictures(pictures, passed);
  },

  async readTable(file) {
    const table = await readTable(file);
    data = { table };
    return describeTable(table);
  },

  async train(settings, port) {
    trained?.model.dispose();
    trained = undefined;
    const stop = new AbortController();
    port.onmessage = () => stop.abort();
    const tell = (news: News) => port.postMessage(news);
    const { description } = await start(settings.backend);
    const task = taskOf(settings);
    const { model, ...learned } = await learn(task, settings.steps, {
      tell,
      signal: stop.signal,
    });
    trained = { model, task };
    return { device: description, ...learned };
  },

  async save() {
    if (!trained) throw new Error("a model should be trained first");
    return await archiveOf(trained.model, trained.task.files);
  },

  async saveOnnx() {
    if (!trained) throw new Error("a model should be trained first");
    return await onnxFileOf(trained.model, trained.task);
  },
});
