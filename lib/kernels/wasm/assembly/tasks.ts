// What each job consists of: its scratch, and the tasks of its two phases.
import { adamTask, adamTasks } from "./adam";
import { chunks, layout, segments, setSizes, share } from "./attention";
import { attendBackward, layoutBackward } from "./chunkwise_backward";
import {
  attendForward,
  forwardRecordBytes,
  summarizeForward,
} from "./chunkwise_forward";
import { backwardRecordBytes, summarizeBackward } from "./chunkwise_states";
import { columnSumTask, columnSumTasks } from "./column_sum";
import {
  convolutionExtra,
  convolutionTask,
  convolutionTasks,
  layoutConvolution,
} from "./convolution";
import { deltaExtra, deltaTasks } from "./delta";
import { differentiateDelta, layoutDeltaBackward } from "./delta_backward";
import { attendDelta, layoutDeltaForward } from "./delta_forward";
import { fewRowsExtra, fewRowsTask, fewRowsTasks } from "./few_rows";
import { differentiateFull, layoutFullBackward } from "./full_backward";
import { attendFull, layoutFull } from "./full_forward";
import { finishFull, fullRecordBytes } from "./full_sums";
import { geluTask, geluTasks } from "./gelu";
import {
  ADAM,
  attention,
  CHUNKWISE_BACKWARD,
  CHUNKWISE_FORWARD,
  COLUMN_SUM,
  DELTA,
  delta,
  FEW_ROWS,
  FINITE_DECAY,
  FULL_BACKWARD,
  FULL_FORWARD,
  GELU,
  JOIN_ENDS,
  LAYER_NORM,
  LOG_SIGMOID,
  MATMUL,
  matmul,
  queue,
  RECURRENT_BACKWARD,
  RECURRENT_FORWARD,
  RMS_NORM,
  SELECTIVE_SCAN,
  selectiveScan,
  SHORT_CONVOLUTION,
  SOFTMAX,
  SPLIT_ENDS,
  SPLIT_HEADS,
} from "./jobs";
import { layerNormExtra, layerNormTask, layerNormTasks } from "./layer_norm";
import {
  finiteDecayTask,
  finiteDecayTasks,
  logSigmoidTask,
  logSigmoidTasks,
} from "./log_decay";
import { layoutMatmul, matmulTask, matmulTasks } from "./matmul";
import { sweepBytes, sweeps } from "./recurrent";
import {
  differentiateRecurrent,
  layoutRecurrentBackward,
  recurrentBackwardRecordBytes,
} from "./recurrent_backward";
import { attendRecurrent, layoutRecurrent } from "./recurrent_forward";
import {
  layoutRmsNorm,
  rmsNormExtra,
  rmsNormTask,
  rmsNormTasks,
} from "./rms_norm";
import { blocks } from "./scan";
import {
  layoutScanBackward,
  scanBackward,
  scanExtra,
  scanSums,
} from "./scan_backward";
import { layoutScanForward, scanForward } from "./scan_forward";
import {
  layoutSoftmax,
  softmaxExtra,
  softmaxTask,
  softmaxTasks,
} from "./softmax_job";
import { layoutSplitHeads, splitHeadsTask, splitHeadsTasks } from "./split_heads";
import { useTiles } from "./tiles";
import {
  joinEndsTask,
  joinEndsTasks,
  layoutJoinEnds,
  splitEndsTask,
  splitEndsTasks,
} from "./two_ends";

/** Reads the job's sizes; returns the bytes of scratch that a thread needs. */
export function prepare(base: usize): usize {
  useTiles(queue.wide !== 0);
  switch (queue.operation) {
    case CHUNKWISE_FORWARD:
      readAttention();
      return layout(base, attention.causal !== 0 ? 0 : 1, false);
    case CHUNKWISE_BACKWARD:
      readAttention();
      return layoutBackward(base);
    case FULL_FORWARD:
      readAttention();
      return layoutFull(base);
    case FULL_BACKWARD:
      readAttention();
      return layoutFullBackward(base);
    case RECURRENT_FORWARD:
      readAttention();
      return layoutRecurrent(base);
    case RECURRENT_BACKWARD:
      readAttention();
      return layoutRecurrentBackward(base);
    case MATMUL:
      return layoutMatmul(base);
    case DELTA:
      return delta.dy === 0
        ? layoutDeltaForward(base)
        : layoutDeltaBackward(base);
    case SELECTIVE_SCAN:
      return selectiveScan.dy === 0
        ? layoutScanForward(base)
        : layoutScanBackward(base);
    case SHORT_CONVOLUTION:
      return layoutConvolution(base);
    case SOFTMAX:
      return layoutSoftmax(base);
    case RMS_NORM:
      return layoutRmsNorm(base);
    case JOIN_ENDS:
      return layoutJoinEnds(base);
    case SPLIT_HEADS:
      return layoutSplitHeads(base);
  }
  return 0;
}

function readAttention(): void {
  setSizes(
    attention.length,
    attention.share,
    attention.headDim,
    attention.valueDim,
    attention.chunkSize,
    attention.segments,
    attention.causal !== 0,
    attention.f !== 0,
    attention.diagonal !== 0,
  );
}

/** Bytes that all threads share beside their scratch; after {@link prepare}. */
export function extraBytes(): usize {
  const records = attention.sequences * attention.segments;
  switch (queue.operation) {
    case CHUNKWISE_FORWARD:
      return records * forwardRecordBytes();
    case CHUNKWISE_BACKWARD:
      return records * backwardRecordBytes();
    case FULL_BACKWARD:
      return records * fullRecordBytes();
    case RECURRENT_FORWARD:
      return attention.sequences * sweeps() * sweepBytes;
    case RECURRENT_BACKWARD:
      return attention.sequences * sweeps() * recurrentBackwardRecordBytes();
    case MATMUL:
      return matmul.batch * 8;
    case FEW_ROWS:
      return fewRowsExtra();
    case DELTA:
      return deltaExtra();
    case LAYER_NORM:
      return layerNormExtra();
    case RMS_NORM:
      return rmsNormExtra();
    case SELECTIVE_SCAN:
      return selectiveScan.dy === 0 ? 0 : scanExtra();
    case SHORT_CONVOLUTION:
      return convolutionExtra();
    case SOFTMAX:
      return softmaxExtra();
  }
  return 0;
}

/** Tasks of a phase of the job. */
export function tasksOf(phase: i32): i32 {
  switch (queue.operation) {
    case CHUNKWISE_FORWARD:
    case CHUNKWISE_BACKWARD: {
      // The states around a segment need no summary if it is all there is.
      const alone = attention.segments === 1 && attention.f !== 0;
      if (phase === 0 && alone) return 0;
      return attention.sequences / share * attention.segments;
    }
    case FULL_FORWARD:
      return phase === 0 ? 0 : attention.sequences * segments;
    case FULL_BACKWARD:
      return attention.sequences * (phase === 0 ? segments : chunks);
    case RECURRENT_FORWARD:
    case RECURRENT_BACKWARD:
      // A sweep alone meets no other in the middle.
      if (phase === 1 && sweeps() === 1) return 0;
      return attention.sequences * sweeps();
    case DELTA:
      return deltaTasks(phase);
    case MATMUL:
      return phase === 0 ? 0 : matmulTasks();
    case FEW_ROWS:
      return fewRowsTasks(phase);
    case LAYER_NORM:
      return layerNormTasks(phase);
    case RMS_NORM:
      return rmsNormTasks(phase);
    case GELU:
      return geluTasks(phase);
    case LOG_SIGMOID:
      return logSigmoidTasks(phase);
    case FINITE_DECAY:
      return finiteDecayTasks(phase);
    case SPLIT_HEADS:
      return splitHeadsTasks(phase);
    case SPLIT_ENDS:
      return splitEndsTasks(phase);
    case JOIN_ENDS:
      return joinEndsTasks(phase);
    case ADAM:
      return adamTasks(phase);
    case COLUMN_SUM:
      return columnSumTasks(phase);
    case SELECTIVE_SCAN:
      if (phase === 0) return selectiveScan.batch * blocks();
      return selectiveScan.dy === 0 ? 0 : selectiveScan.batch + 1;
    case SHORT_CONVOLUTION:
      return convolutionTasks(phase);
    case SOFTMAX:
      return softmaxTasks(phase);
    default:
      // A record that the host knows and this file does not.
      return unreachable();
  }
}

/** Does a task. */
export function perform(phase: i32, task: i32): void {
  switch (queue.operation) {
    case CHUNKWISE_FORWARD:
    case CHUNKWISE_BACKWARD:
      return attendGroup(phase, task / segments, task % segments);
    case FULL_FORWARD:
      return attendFull(task / segments, task % segments);
    case FULL_BACKWARD:
      if (phase === 0) differentiateFull(task / segments, task % segments);
      else finishFull(task / chunks, task % chunks);
      return;
    case RECURRENT_FORWARD:
      return attendRecurrent(task / sweeps(), task % sweeps() === 1, phase);
    case RECURRENT_BACKWARD:
      return differentiateRecurrent(
        task / sweeps(),
        task % sweeps() === 1,
        phase,
      );
    case DELTA:
      return sweepDelta(task, phase);
    case MATMUL:
      return matmulTask(task);
    case FEW_ROWS:
      return fewRowsTask(phase, task);
    case LAYER_NORM:
      return layerNormTask(phase, task);
    case RMS_NORM:
      return rmsNormTask(phase, task);
    case GELU:
      return geluTask(task);
    case LOG_SIGMOID:
      return logSigmoidTask(task);
    case FINITE_DECAY:
      return finiteDecayTask(task);
    case SPLIT_HEADS:
      return splitHeadsTask(task);
    case SPLIT_ENDS:
      return splitEndsTask(task);
    case JOIN_ENDS:
      return joinEndsTask(task);
    case ADAM:
      return adamTask(task);
    case COLUMN_SUM:
      return columnSumTask(task);
    case SELECTIVE_SCAN:
      return scan(phase, task);
    case SHORT_CONVOLUTION:
      return convolutionTask(phase, task);
    case SOFTMAX:
      return softmaxTask(phase, task);
  }
}

/** A segment of sequences that share their keys; one after the other adds to the gradients in these. */
function attendGroup(phase: i32, group: i32, segment: i32): void {
  for (let i = group * share; i < (group + 1) * share; i++) {
    attendChunkwise(phase, i, segment);
  }
}

function attendChunkwise(phase: i32, sequence: i32, segment: i32): void {
  if (queue.operation === CHUNKWISE_FORWARD) {
    if (phase === 0) summarizeForward(sequence, segment);
    else attendForward(sequence, segment);
  } else {
    if (phase === 0) summarizeBackward(sequence, segment);
    else attendBackward(sequence, segment);
  }
}

function sweepDelta(sweep: i32, phase: i32): void {
  if (delta.dy === 0) attendDelta(sweep, phase);
  else differentiateDelta(sweep, phase);
}

function scan(phase: i32, task: i32): void {
  if (selectiveScan.dy === 0) scanForward(task);
  else if (phase === 0) scanBackward(task);
  else scanSums(task);
}
