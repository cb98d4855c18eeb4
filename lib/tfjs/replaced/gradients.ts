/** The replaced gradients of tfjs-core, on every backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  broadcastGradient,
  cumulativeSumGradient,
  eluGradientGradient,
  gatherGradient,
  listGradient,
  matmulGradient,
  productGradient,
  resizeGradient,
  softmaxGradient,
  tileGradient,
} from "../gradients.ts";
import { averagePoolGradient, maxPoolGradient } from "../pool_gradients.ts";

export const GRADIENTS: readonly {
  /** The gradient, as registered with tfjs. */
  readonly gradient: tf.GradConfig;
  /** The reason why tfjs-core's gradient is slow. */
  readonly slow?: string;
  /** The error that tfjs-core's gradient makes. */
  readonly wrong?: string;
  /** The lack of tfjs-core's that this gradient fills. */
  readonly absent?: string;
  /** The number of TensorFlow.js's issue about it. */
  readonly issue?: number;
}[] = [
  {
    wrong: "it transposes the result where the axis is not the last",
    gradient: { kernelName: "Cumsum", gradFunc: cumulativeSumGradient },
  },
  {
    wrong: "where a batch was broadcast, it has the wrong shape",
    issue: 8721,
    gradient: {
      kernelName: "BatchMatMul",
      inputsToSave: ["a", "b"],
      gradFunc: matmulGradient,
    },
  },
  {
    wrong:
      "it calls methods of tensors that are only there where somebody has " +
      "imported them",
    gradient: {
      kernelName: "Prod",
      inputsToSave: ["x"],
      gradFunc: productGradient,
    },
  },
  ...["AvgPool", "AvgPool3D"].map((name) => ({
    wrong:
      "it counts the pixels of padding, which the average does not; and that " +
      "of images does not say how the number of windows was rounded",
    gradient: averagePoolGradient(name),
  })),
  {
    wrong: "it does not say how the number of windows was rounded",
    gradient: {
      kernelName: "MaxPool",
      inputsToSave: ["x"],
      outputsToSave: [true],
      gradFunc: maxPoolGradient,
    },
  },
  {
    wrong:
      "with batchDims, it calls methods of tensors that are only there where " +
      "somebody has imported them, or has the wrong shape",
    gradient: gatherGradient(),
  },
  {
    wrong: "of five axes or more there is none",
    gradient: tileGradient(),
  },
  ...["Maximum", "Minimum", "Prelu", "SquaredDifference"].map((name) => ({
    wrong: "where an input was broadcast, it has the wrong shape",
    gradient: broadcastGradient(name),
  })),
  ...["ResizeBilinear", "ResizeNearestNeighbor"].map((name) => ({
    wrong:
      "it takes no account of halfPixelCenters; on cpu it exchanges axes, or " +
      "reads other images, and of one row with aligned corners never returns",
    gradient: resizeGradient(name),
  })),
  ...["SplitV", "Unpack"].map((name) => ({
    wrong: "of a single part, it takes a tensor for a list",
    gradient: listGradient(name),
  })),
  {
    absent: "there is none, as a second derivative of ELU needs",
    gradient: {
      kernelName: "EluGrad",
      inputsToSave: ["dy", "y"],
      gradFunc: eluGradientGradient,
    },
  },
  {
    slow: "it is made of four operations where there is a kernel of one",
    gradient: {
      kernelName: "Softmax",
      outputsToSave: [true],
      gradFunc: softmaxGradient,
    },
  },
];
