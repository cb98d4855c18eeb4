/** Logs that TensorBoard reads, by a parser of protocol buffers that is not ours. @module */
import { create, fromBinary } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { createFileRegistry } from "@bufbuild/protobuf";
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import {
  accuracy,
  train,
  type TrainingResult,
  type TrainOptions,
} from "../../lib/training/mod.ts";
import { eventMessage } from "../../lib/training/reports/event_messages.ts";
import { crc32c, tfRecord } from "../../lib/training/reports/tf_record.ts";
import { namesIn, onCpu, withFolder } from "../io/files.ts";
import { logOf, tinyData, tinyModel, tinyOptions, tinyPass } from "./tiny.ts";

/** The fields of a message: their names, numbers and types, or their messages. */
type Fields = readonly (readonly [string, number, Type | string, true?])[];

/** What event.proto and summary.proto of TensorFlow say of what is written here. */
const MESSAGES: Readonly<Record<string, Fields>> = {
  Event: [
    ["wall_time", 1, Type.DOUBLE],
    ["step", 2, Type.INT64],
    ["file_version", 3, Type.STRING],
    ["summary", 5, "Summary"],
    ["session_log", 7, "SessionLog"],
  ],
  Summary: [["value", 1, "Value", true]],
  Value: [["tag", 1, Type.STRING], ["simple_value", 2, Type.FLOAT]],
  SessionLog: [["status", 1, Type.INT32]],
};

/** An event, as the parser gives it. */
interface Event {
  readonly wallTime: number;
  readonly step: bigint;
  readonly fileVersion: string;
  readonly summary?: { value: { tag: string; simpleValue: number }[] };
  readonly sessionLog?: { status: number };
}

const REGISTRY = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    ...{ name: "event.proto", syntax: "proto3" },
    messageType: Object.entries(MESSAGES).map(([name, fields]) => ({
      name,
      field: fields.map(([name, number, type, isMany]) => ({
        ...{ name, number, label: isMany ? 3 : 1 },
        ...typeof type === "string"
          ? { type: Type.MESSAGE, typeName: `.${type}` }
          : { type },
      })),
    })),
  }),
  () => undefined,
);

const eventOf = (bytes: Uint8Array) =>
  fromBinary(REGISTRY.getMessage("Event")!, bytes) as unknown as Event;

/** The contents of records, whose checksums are looked at. */
function recordsOf(bytes: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const unmasked = (at: number) => {
    const rotated = view.getUint32(at, true) - 0xa282ead8 >>> 0;
    return (rotated << 15 | rotated >>> 17) >>> 0;
  };
  for (let at = 0; at < bytes.length;) {
    const end = at + 12 + Number(view.getBigUint64(at, true));
    const content = bytes.subarray(at + 12, end);
    assertEquals(unmasked(at + 8), crc32c(bytes.subarray(at, at + 8)));
    assertEquals(unmasked(end), crc32c(content));
    records.push(content);
    at = end + 4;
  }
  return records;
}

/** The events of a folder, file after file. */
async function eventsIn(folder: string): Promise<Event[][]> {
  const names = await namesIn(folder);
  return await Promise.all(names.map(async (name) => {
    assert(/^events\.out\.tfevents\.\d{10}\.\d{3}\.lion$/.test(name), name);
    return recordsOf(await Deno.readFile(`${folder}/${name}`)).map(eventOf);
  }));
}

/** What TensorBoard shows: a session that starts at a step ends earlier ones there. */
function shownOf(files: readonly Event[][]): [string, number, number][] {
  return files.flat().reduce<[string, number, number][]>(
    (shown, { step, summary, sessionLog }) => [
      ...sessionLog ? shown.filter(([, at]) => at < Number(step)) : shown,
      ...(summary?.value ?? []).map(({ tag, simpleValue }) =>
        [tag, Number(step), simpleValue] as [string, number, number]
      ),
    ],
    [],
  );
}

Deno.test("crc32c() has the values of RFC 3720", () => {
  const all = (value: number) => new Uint8Array(32).fill(value);
  assertEquals(crc32c(all(0)), 0x8a9136aa);
  assertEquals(crc32c(all(0xff)), 0x62a8ab43);
  assertEquals(crc32c(Uint8Array.from(all(0), (_, i) => i)), 0x46dd794e);
  assertEquals(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
});

Deno.test("a record of 24 bytes begins as in TensorFlow's files", () => {
  const record = tfRecord(eventMessage({
    ...{ wallTime: 1.5, step: 0, fileVersion: "brain.Event:2" },
  }));
  const start = [0x18, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22, 9];
  assertEquals([...record.subarray(0, start.length)], start);
});

Deno.test("eventMessage() is read by another parser", () => {
  const wallTime = 1769342484.25, step = 2 ** 40 + 5;
  const event = eventOf(eventMessage({
    ...{ wallTime, step, begins: true },
    scalars: {
      "training/loss": 0.1,
      "evaluation/µ": NaN,
      ["x".repeat(300)]: 2,
    },
  }));
  assertEquals([event.wallTime, event.step], [wallTime, BigInt(step)]);
  assertEquals(event.sessionLog!.status, 1);
  assertEquals(
    event.summary!.value.map(({ tag, simpleValue }) => [tag, simpleValue]),
    [
      ["training/loss", Math.fround(0.1)],
      ["evaluation/µ", NaN],
      ["x".repeat(300), 2],
    ],
  );
});

/** Trains a new model with both logs; ends after so many steps, if any. */
async function run(
  folder: string,
  until?: number,
  options: Partial<TrainOptions> = {},
): Promise<TrainingResult> {
  const stop = new AbortController();
  const model = tinyModel({ depth: 1 });
  try {
    return await train(
      model,
      tinyData(),
      tinyOptions({
        ...{ steps: 12, signal: stop.signal },
        checkpoints: { folder: `${folder}/runs`, every: 5, resume: true },
        evaluate: {
          data: tinyPass,
          metrics: { accuracy: accuracy() },
          every: 4,
        },
        log: { lines: `${folder}/log.jsonl`, tensorBoard: `${folder}/events` },
        callbacks: {
          onBatchEnd: (_, logs) => {
            if (logs!["step"] === until) stop.abort();
          },
        },
        ...options,
      }),
    );
  } finally {
    model.dispose();
  }
}

onCpu(
  "TensorBoard shows of a resumed run what its lines say",
  () =>
    withFolder(async (folder) => {
      await run(folder, 7);
      await run(folder);
      const files = await eventsIn(`${folder}/events`);
      assertEquals(files.length, 2);
      for (const [version, begin] of files) {
        assertEquals(version!.fileVersion, "brain.Event:2");
        assertEquals(begin!.sessionLog!.status, 1);
        assertAlmostEquals(begin!.wallTime, Date.now() / 1000, 60);
      }
      const lines = await logOf(`${folder}/log.jsonl`);
      const expected = lines.flatMap(({ step, evaluation, ...values }) =>
        Object.entries(evaluation ?? values).map(([name, value]) => [
          `${evaluation ? "evaluation" : "training"}/${name}`,
          step,
          Math.fround(value),
        ])
      );
      assertEquals(shownOf(files), expected as [string, number, number][]);
      assertEquals(lines.filter(({ evaluation }) => evaluation).length, 3);
    }),
);

onCpu(
  "a training that starts anew hides what an earlier one wrote",
  () =>
    withFolder(async (folder) => {
      const log = { tensorBoard: `${folder}/events` };
      const options = { log, checkpoints: undefined, evaluate: undefined };
      await run(folder, undefined, { ...options, steps: 6 });
      await run(folder, undefined, { ...options, steps: 5 });
      const shown = shownOf(await eventsIn(log.tensorBoard));
      const losses = shown.filter(([tag]) => tag === "training/loss");
      assertEquals(losses.map(([, step]) => step), [1, 2, 3, 4, 5]);
    }),
);

onCpu(
  "a log that has no place is refused, and one that cannot be written",
  () =>
    withFolder(async (folder) => {
      const logged = (log: unknown) =>
        run(folder, undefined, { log: log as string, checkpoints: undefined });
      await assertRejects(() => logged(3), TypeError, "log");
      await assertRejects(
        () => logged({ tensorboard: folder }),
        TypeError,
        "tensorBoard",
      );
      await assertRejects(
        () => logged({ tensorBoard: 1 }),
        TypeError,
        "log.tens",
      );
      await Deno.writeTextFile(`${folder}/file`, "");
      await assertRejects(
        () => logged({ tensorBoard: `${folder}/file` }),
        Error,
        "file should be a folder to write into",
      );
    }),
);
