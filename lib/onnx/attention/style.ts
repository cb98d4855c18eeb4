/** How attention is written. @module */

/**
 * How attention is written: in chunks, in one matrix of all pairs, or by ONNX Runtime's own
 * operator. Attention for which a form does not exist is written in another one.
 */
export type OnnxForm = "chunkwise" | "full" | "contrib";

/** How attention is written. */
export interface AttentionStyle {
  readonly form: OnnxForm;
  /** Tokens per chunk of scalar decays. */
  readonly chunkSize: number;
  /** Tokens per chunk of decays per channel, for which scores are computed one by one. */
  readonly diagonalChunkSize: number;
}
