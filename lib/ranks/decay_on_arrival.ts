/** Decays of a part of a sequence whose neighbours other ranks have. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { Decay } from "../attention/decays/decay.ts";
import { finite } from "../operations/finite_decay/finite_decay.ts";
import type { ContextGroup } from "@lionjs/base";
import { floats } from "@lionjs/tfjs/kernel";
import { shiftAcrossRanks } from "./exchange.ts";

/**
 * The decay of this rank's tokens in the arrival convention. A decay in the
 * source convention belongs to the token that a state leaves, so the decays on
 * arriving at this rank's first and last token are those of tokens that the
 * ranks before and after it have.
 */
export function decayOnArrival(decay: Decay, ranks: ContextGroup): Decay {
  if (!("convention" in decay) || decay.convention !== "source") return decay;
  const { kind } = decay;
  const given: tf.Tensor = decay.logDecay;
  const logDecay = finite(floats(`${kind}Decay's logDecay`, given));
  const length = logDecay.shape[2]!;
  const slice = (x: tf.Tensor, start: number, length: number) => {
    const begin = x.shape.map((_, axis) => axis === 2 ? start : 0);
    const size = x.shape.map((_, axis) => axis === 2 ? length : -1);
    return tf.slice(x, begin, size);
  };
  const before = shiftAcrossRanks(slice(logDecay, length - 1, 1), 1, ranks);
  const after = shiftAcrossRanks(slice(logDecay, 0, 1), -1, ranks);
  const whole = tf.concat([before, logDecay, after], 2);
  const [forward, backward] = [0, 2].map((start) =>
    slice(whole, start, length)
  );
  return {
    kind: kind === "diagonal" ? "two-sided-diagonal" : "two-sided",
    forward,
    backward,
  } as Decay;
}
