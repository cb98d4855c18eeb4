// What tokens read in one sweep or in two, of which the second is from the last token
// back, and of themselves; and the gradient.
import { joinSweeps as job } from "./records";
import {
  addScaledRow, addWeighted, copyRow, dotFloats, scaleRow
} from "../../../tfjs/wasm/assembly/math/loops";
import { at, put } from "../../../tfjs/wasm/assembly/math/matrix";
import { partsAtOnce } from "../../../tfjs/wasm/assembly/runtime/parts";

/** The tokens of a task. */
const BLOCK = 256;

export function tasks(phase: i32): i32 {
  return partsAtOnce(phase, job.sequences * job.length, BLOCK);
}

export function perform(_phase: i32, task: i32): void {
  const all = job.sequences * job.length, columns = job.columns;
  const bytes = <usize> columns << 2;
  const end = min(all, (task + 1) * BLOCK);
  for (let token = task * BLOCK; token < end; token++) {
    const t = token % job.length, back = all + token - t + job.length - 1 - t;
    const row = <usize> token * bytes, backRow = <usize> back * bytes;
    const x = job.x + row, weight = at(job.own, token);
    if (job.dy === 0) {
      const y = job.y + row, read = job.read + row;
      if (job.sweeps === 2) {
        addWeighted(columns, weight, read, job.read + backRow, x, y);
      } else {
        copyRow(columns, read, y);
        addScaledRow(columns, weight, x, y);
      }
    } else {
      const dy = job.dy + row;
      copyRow(columns, dy, job.dread + row);
      if (job.sweeps === 2) copyRow(columns, dy, job.dread + backRow);
      scaleRow(columns, weight, dy, job.dx + row);
      put(job.down, token, dotFloats(columns, dy, x));
    }
  }
}
