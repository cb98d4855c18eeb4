/** A log that TensorBoard draws: a folder with files of events. @module */
import { concatenated, messageOf } from "@lionjs/base";
import { files } from "@lionjs/base/files";
import { type EventMessage, eventMessage } from "./event_messages.ts";
import {
  appendTo,
  type LogRecord,
  type MetricsLog,
  syncFile,
} from "./metrics_log.ts";
import { tfRecord } from "./tf_record.ts";

/** The encoding of events that TensorBoard reads. */
const VERSION = "brain.Event:2";

/**
 * Starts or continues a log after a number of steps, in a new file of a folder.
 * Its first events tell TensorBoard to forget what files before have of later
 * steps.
 */
export async function eventsLog(
  folder: string,
  steps: number,
): Promise<MetricsLog> {
  await files().mkdir(folder, { recursive: true }).catch((cause) => {
    throw new Error(
      `${folder} should be a folder to write into: ${messageOf(cause)}`,
      { cause },
    );
  });
  // TensorBoard knows files of events by this name, and reads them by the time in it.
  const time = (Date.now() / 1000).toFixed(3);
  const path = `${folder}/events.out.tfevents.${time}.lion`;
  await appendTo(
    path,
    encode([
      { step: 0, fileVersion: VERSION },
      { step: steps + 1, begins: true },
    ]),
  );
  return {
    append: (records) =>
      appendTo(
        path,
        encode(
          records.map((record) => ({
            step: record.step,
            scalars: scalarsOf(record),
          })),
        ),
      ),
    sync: () => syncFile(path),
  };
}

/** Values by tags, which TensorBoard groups by what stands before a slash. */
function scalarsOf(
  { step: _, evaluation, ...training }: LogRecord,
): Record<string, number> {
  const groups = { training, evaluation };
  return Object.fromEntries(
    Object.entries(groups).flatMap(([group, values]) =>
      Object.entries(Object(values)).map(([name, value]) =>
        [`${group}/${name}`, Number(value)] as const
      )
    ),
  );
}

function encode(events: readonly Omit<EventMessage, "wallTime">[]): Uint8Array {
  const wallTime = Date.now() / 1000;
  return concatenated(
    events.map((event) => tfRecord(eventMessage({ ...event, wallTime }))),
  );
}
