// The parts of each job: its scratch, and the tasks of its two phases.
import { adamTask, adamTasks } from "./layer/adam";
import { layout, splits, setSizes, groupSize } from "./chunkwise/sizes";
import { attendBackward, layoutBackward } from "./chunkwise/chunkwise_backward";
import * as chunkwiseForward from "./chunkwise/chunkwise_forward";
import {
  backwardRecordBytes, summarizeBackward,
} from "./chunkwise/chunkwise_states";
import { columnSumTask, columnSumTasks } from "./math/column_sum";
import * as convolution from "./layer/convolution";
import { deltaExtra, deltaTasks } from "./delta/delta";
import { differentiateDelta, layoutDeltaBackward } from "./delta/delta_backward";
import { attendDelta, layoutDeltaForward } from "./delta/delta_forward";
import { gemvExtra, gemvTask, gemvTasks } from "./math/gemv";
import { attendFull, layoutFull } from "./full/full_forward";
import { geluTask, geluTasks } from "./layer/gelu";
import * as jobs from "./jobs";
import {
  layerNormExtra, layerNormTask, layerNormTasks,
} from "./layer/layer_norm";
import {
  finiteDecayTask, finiteDecayTasks, logSigmoidTask, logSigmoidTasks,
} from "./layer/log_decay";
import { layoutMatmul, matmulTask, matmulTasks } from "./math/matmul";
import * as recurrent from "./recurrent/recurrent";
import * as rmsNorm from "./layer/rms_norm";
import { blocks } from "./scan/scan";
import * as scanBackward from "./scan/scan_backward";
import { layoutScanForward, scanForward } from "./scan/scan_forward";
import * as softmaxJob from "./softmax/softmax_job";
import {
  layoutSplitHeads, splitHeadsTask, splitHeadsTasks,
} from "./layer/split_heads";
import { useTiles } from "./runtime/wide_simd";
import * as bidirectional from "./layer/bidirectional";

/** Reads the job's sizes; returns the bytes of scratch that a thread needs. */
export function prepare(base: usize): usize {
  useTiles(jobs.queue.wide !== 0);
  switch (jobs.queue.operation) {
    case jobs.CHUNKWISE_FORWARD:
      readAttention();
      return layout(base, jobs.attention.causal !== 0 ? 0 : 1, false);
    case jobs.CHUNKWISE_BACKWARD:
      readAttention();
      return layoutBackward(base);
    case jobs.FULL_FORWARD:
      readAttention();
      return layoutFull(base);
    case jobs.RECURRENT_FORWARD:
      readAttention();
      return recurrent.layoutRecurrent(base);
    case jobs.MATMUL:
      return layoutMatmul(base);
    case jobs.DELTA:
      return jobs.delta.dy === 0
        ? layoutDeltaForward(base)
        : layoutDeltaBackward(base);
    case jobs.SELECTIVE_SCAN:
      return jobs.selectiveScan.dy === 0
        ? layoutScanForward(base)
        : scanBackward.layoutScanBackward(base);
    case jobs.SHORT_CONVOLUTION:
      return convolution.layoutConvolution(base);
    case jobs.SOFTMAX:
      return softmaxJob.layoutSoftmax(base);
    case jobs.RMS_NORM:
      return rmsNorm.layoutRmsNorm(base);
    case jobs.JOIN_ENDS:
      return bidirectional.layoutJoinEnds(base);
    case jobs.SPLIT_HEADS:
      return layoutSplitHeads(base);
  }
  return 0;
}

function readAttention(): void {
  setSizes(
    jobs.attention.length, jobs.attention.groupSize, jobs.attention.headDim,
    jobs.attention.valueDim, jobs.attention.chunkSize, jobs.attention.splits,
    jobs.attention.causal !== 0, jobs.attention.f !== 0,
    jobs.attention.diagonal !== 0
  );
}

/** Bytes that all threads share beside their scratch; after {@link prepare}. */
export function extraBytes(): usize {
  const records = jobs.attention.sequences * jobs.attention.splits;
  switch (jobs.queue.operation) {
    case jobs.CHUNKWISE_FORWARD:
      return records * chunkwiseForward.forwardRecordBytes();
    case jobs.CHUNKWISE_BACKWARD:
      return records * backwardRecordBytes();
    case jobs.RECURRENT_FORWARD:
      return jobs.attention.sequences * recurrent.sweeps() *
        recurrent.sweepBytes;
    case jobs.MATMUL:
      return jobs.matmul.batch * 8;
    case jobs.GEMV:
      return gemvExtra();
    case jobs.DELTA:
      return deltaExtra();
    case jobs.LAYER_NORM:
      return layerNormExtra();
    case jobs.RMS_NORM:
      return rmsNorm.rmsNormExtra();
    case jobs.SELECTIVE_SCAN:
      return jobs.selectiveScan.dy === 0 ? 0 : scanBackward.scanExtra();
    case jobs.SHORT_CONVOLUTION:
      return convolution.convolutionExtra();
    case jobs.SOFTMAX:
      return softmaxJob.softmaxExtra();
  }
  return 0;
}

/** Tasks of a phase of the job. */
export function tasksOf(phase: i32): i32 {
  switch (jobs.queue.operation) {
    case jobs.CHUNKWISE_FORWARD:
    case jobs.CHUNKWISE_BACKWARD: {
      // A split that is all of a sequence needs no summary of the others.
      const alone = jobs.attention.splits === 1 && jobs.attention.f !== 0;
      if (phase === 0 && alone) return 0;
      return jobs.attention.sequences / groupSize * jobs.attention.splits;
    }
    case jobs.FULL_FORWARD:
      return phase === 0 ? 0 : jobs.attention.sequences * splits;
    case jobs.RECURRENT_FORWARD:
      // A sweep alone meets no other in the middle.
      if (phase === 1 && recurrent.sweeps() === 1) return 0;
      return jobs.attention.sequences * recurrent.sweeps();
    case jobs.DELTA:
      return deltaTasks(phase);
    case jobs.MATMUL:
      return phase === 0 ? 0 : matmulTasks();
    case jobs.GEMV:
      return gemvTasks(phase);
    case jobs.LAYER_NORM:
      return layerNormTasks(phase);
    case jobs.RMS_NORM:
      return rmsNorm.rmsNormTasks(phase);
    case jobs.GELU:
      return geluTasks(phase);
    case jobs.LOG_SIGMOID:
      return logSigmoidTasks(phase);
    case jobs.FINITE_DECAY:
      return finiteDecayTasks(phase);
    case jobs.SPLIT_HEADS:
      return splitHeadsTasks(phase);
    case jobs.SPLIT_ENDS:
      return bidirectional.splitEndsTasks(phase);
    case jobs.JOIN_ENDS:
      return bidirectional.joinEndsTasks(phase);
    case jobs.ADAM:
      return adamTasks(phase);
    case jobs.COLUMN_SUM:
      return columnSumTasks(phase);
    case jobs.SELECTIVE_SCAN:
      if (phase === 0) return jobs.selectiveScan.batch * blocks();
      return jobs.selectiveScan.dy === 0 ? 0 : jobs.selectiveScan.batch + 1;
    case jobs.SHORT_CONVOLUTION:
      return convolution.convolutionTasks(phase);
    case jobs.SOFTMAX:
      return softmaxJob.softmaxTasks(phase);
    default:
      // A record that the host knows and this file does not.
      return unreachable();
  }
}

/** Does a task. */
export function perform(phase: i32, task: i32): void {
  switch (jobs.queue.operation) {
    case jobs.CHUNKWISE_FORWARD:
    case jobs.CHUNKWISE_BACKWARD:
      return attendGroup(phase, task / splits, task % splits);
    case jobs.FULL_FORWARD:
      return attendFull(task / splits, task % splits);
    case jobs.RECURRENT_FORWARD:
      return recurrent.attendRecurrent(
        task / recurrent.sweeps(), task % recurrent.sweeps() === 1, phase
      );
    case jobs.DELTA:
      return sweepDelta(task, phase);
    case jobs.MATMUL:
      return matmulTask(task);
    case jobs.GEMV:
      return gemvTask(phase, task);
    case jobs.LAYER_NORM:
      return layerNormTask(phase, task);
    case jobs.RMS_NORM:
      return rmsNorm.rmsNormTask(phase, task);
    case jobs.GELU:
      return geluTask(task);
    case jobs.LOG_SIGMOID:
      return logSigmoidTask(task);
    case jobs.FINITE_DECAY:
      return finiteDecayTask(task);
    case jobs.SPLIT_HEADS:
      return splitHeadsTask(task);
    case jobs.SPLIT_ENDS:
      return bidirectional.splitEndsTask(task);
    case jobs.JOIN_ENDS:
      return bidirectional.joinEndsTask(task);
    case jobs.ADAM:
      return adamTask(task);
    case jobs.COLUMN_SUM:
      return columnSumTask(task);
    case jobs.SELECTIVE_SCAN:
      return scan(phase, task);
    case jobs.SHORT_CONVOLUTION:
      return convolution.convolutionTask(phase, task);
    case jobs.SOFTMAX:
      return softmaxJob.softmaxTask(phase, task);
  }
}

/**
 * Does a split of all sequences of a group, one after the other, which add to the
 * same dq and dk.
 */
function attendGroup(phase: i32, group: i32, split: i32): void {
  for (let i = group * groupSize; i < (group + 1) * groupSize; i++) {
    attendChunkwise(phase, i, split);
  }
}

function attendChunkwise(phase: i32, sequence: i32, split: i32): void {
  if (jobs.queue.operation === jobs.CHUNKWISE_FORWARD) {
    if (phase === 0) chunkwiseForward.summarizeForward(sequence, split);
    else chunkwiseForward.attendForward(sequence, split);
  } else {
    if (phase === 0) summarizeBackward(sequence, split);
    else attendBackward(sequence, split);
  }
}

function sweepDelta(sweep: i32, phase: i32): void {
  if (jobs.delta.dy === 0) attendDelta(sweep, phase);
  else differentiateDelta(sweep, phase);
}

function scan(phase: i32, task: i32): void {
  if (jobs.selectiveScan.dy === 0) scanForward(task);
  else if (phase === 0) scanBackward.scanBackward(task);
  else scanBackward.scanSums(task);
}
