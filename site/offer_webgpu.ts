/// <reference lib="dom" />
/** WebGPU among the devices of a panel. @module */

/** Lets WebGPU be chosen where it answers, and says why where it does not. */
export async function offerWebGPU(
  buttons: readonly HTMLInputElement[],
  reason: HTMLElement,
): Promise<void> {
  const button = buttons.find(({ value }) => value === "webgpu")!;
  const why = await whyNoWebGPU();
  button.disabled = why !== undefined;
  reason.textContent = why ?? "";
}

async function whyNoWebGPU(): Promise<string | undefined> {
  if (!isSecureContext) return "needs https or localhost";
  const { gpu } = navigator;
  if (!gpu) return "is missing in this browser";
  const adapter = await gpu.requestAdapter();
  return adapter ? undefined : "finds no adapter here";
}
