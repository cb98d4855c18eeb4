/**
 * ONNX Runtime as a process that answers as torch_peer.py does: attention and
 * exported models, and their outputs alone.
 *
 * It runs without deno.json and deno.lock, so that its packages are in neither:
 * ONNX Runtime is 113 MB, which only who measures it should download.
 *
 * @module
 */
import { onnxModel } from "./onnx_model.ts";
import { lines } from "./peer_process.ts";

/** What is imported of npm's packages, as far as it is used here. */
interface Runtime {
  readonly InferenceSession: {
    create(model: Uint8Array | string, options: object): Promise<Session>;
  };
  readonly Tensor: new (
    type: "float32" | "int64",
    values: Float32Array | BigInt64Array,
    shape: readonly number[],
  ) => object;
}

interface Session {
  readonly inputMetadata: readonly {
    readonly name: string;
    readonly type: string;
  }[];
  readonly outputNames: readonly string[];
  run(
    inputs: Readonly<Record<string, object>>,
  ): Promise<
    Readonly<
      Record<string, { readonly data: Float32Array; dispose(): void }>
    >
  >;
  release(): Promise<void>;
}

interface Protocol {
  readonly default: {
    readonly onnx: {
      readonly ModelProto: {
        encode(model: object): { finish(): Uint8Array };
      };
    };
  };
}

/** What torch_peer.py is asked too. */
interface Request {
  readonly work?: string;
  /** Of an exported model, where it is. */
  readonly options?: { readonly file?: string };
  readonly tensors?: readonly (readonly [string, readonly number[]])[];
  readonly file?: string;
  readonly run?: true;
  readonly outputs?: string;
}

/** An array with its name and shape. */
type Given = readonly [
  name: string,
  shape: readonly number[],
  values: Float32Array,
];

const [version, protocolVersion, threads] = Deno.args;

/** Added to row sums, as all contenders do. */
const EPSILON = 1e-6;

/** A session with its inputs, and what is made of its output. */
class Computation {
  readonly #session: Session;
  readonly #inputs: Readonly<Record<string, object>>;
  readonly #arrange: (values: Float32Array) => Float32Array;

  constructor(
    session: Session,
    inputs: Readonly<Record<string, object>>,
    arrange: (values: Float32Array) => Float32Array,
  ) {
    this.#session = session;
    this.#inputs = inputs;
    this.#arrange = arrange;
  }

  async run(): Promise<number> {
    const start = performance.now();
    const y = await this.#computed();
    const milliseconds = performance.now() - start;
    y.dispose();
    return milliseconds;
  }

  async output(): Promise<Float32Array> {
    return this.#arrange((await this.#computed()).data);
  }

  async #computed() {
    const outputs = await this.#session.run(this.#inputs);
    return outputs[this.#session.outputNames[0]!]!;
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

/** From `[outer, inner, columns]` to `[inner, outer, columns]`; the operator has heads behind tokens. */
function swapped(
  values: Float32Array,
  outer: number,
  inner: number,
): Float32Array {
  const columns = values.length / (outer * inner);
  const result = new Float32Array(values.length);
  for (let i = 0; i < outer; i++) {
    for (let j = 0; j < inner; j++) {
      const from = (i * inner + j) * columns;
      const part = values.subarray(from, from + columns);
      result.set(part, (j * outer + i) * columns);
    }
  }
  return result;
}

function tell(answer: object): void {
  const line = new TextEncoder().encode(`${JSON.stringify(answer)}\n`);
  Deno.stdout.writeSync(line);
}

function messageOf(error: unknown): string {
  return String((error as Error).message).split("\n")[0]!;
}

try {
  // Not literals: they are downloaded only by whom this program is run.
  const runtime: Runtime = await import(`npm:onnxruntime-node@${version}`);
  const protocol: Protocol = await import(`npm:onnx-proto@${protocolVersion}`);
  const { InferenceSession, Tensor } = runtime;
  const create = (model: Uint8Array | string) =>
    InferenceSession.create(model, {
      intraOpNumThreads: Number(threads),
      executionProviders: ["cpu"],
      // Not what the optimizer leaves as it is.
      logSeverityLevel: 3,
    });
  const open = (sizes: Omit<Parameters<typeof onnxModel>[0], "epsilon">) => {
    const model = onnxModel({ ...sizes, epsilon: EPSILON });
    const { ModelProto } = protocol.default.onnx;
    return create(ModelProto.encode(model).finish());
  };

  const attention = async (tensors: readonly Given[]): Promise<Computation> => {
    const [, [, heads, length, headDim]] = tensors[0] as [
      ...[string, [number, number, number, number]],
      Float32Array,
    ];
    const given = new Map(tensors.map(([name, , values]) => [name, values]));
    const decays = given.get("logDecay");
    const ofTokens = decays?.length === heads
      ? Float32Array.from(
        { length: heads * length },
        (_, i) => decays[Math.floor(i / length)]!,
      )
      : decays;
    const inputs = Object.fromEntries(
      Object.entries({
        q: given.get("q"),
        k: given.get("k"),
        v: given.get("v"),
        g: ofTokens,
      }).flatMap(([name, values]) => {
        if (!values) return [];
        const shape = [1, length, values.length / length];
        const packed = swapped(values, heads, length);
        return [[name, new Tensor("float32", packed, shape)]];
      }),
    );
    const sizes = { heads, length, headDim, decays: decays !== undefined };
    const session = await open(sizes);
    return new Computation(session, inputs, (y) => swapped(y, length, heads));
  };

  const exported = async (
    file: string,
    tensors: readonly Given[],
  ): Promise<Computation> => {
    const session = await create(file);
    const inputs = session.inputMetadata.map(({ name, type }, i) => {
      const [, shape, values] = tensors[i]!;
      return [
        name,
        type === "int64"
          ? new Tensor(type, BigInt64Array.from(values, BigInt), shape)
          : new Tensor("float32", values, shape),
      ];
    });
    return new Computation(session, Object.fromEntries(inputs), (y) => y);
  };

  const prepare = async ({ options, tensors, file }: Request) => {
    const { buffer } = await Deno.readFile(file!);
    let start = 0;
    const given = tensors!.map(([name, shape]): Given => {
      const size = shape.reduce((product, dim) => product * dim, 1);
      const values = new Float32Array(buffer, start, size);
      start += values.byteLength;
      return [name, shape, values];
    });
    return await (options?.file === undefined
      ? attention(given)
      : exported(options.file, given));
  };

  // Not every version has the operator; the smallest model tells.
  const least = { heads: 1, length: 2, headDim: 4, decays: true };
  await (await open(least)).release();
  tell({ version });
  let held: Computation | undefined;
  for await (const line of lines(Deno.stdin.readable)) {
    const request: Request = JSON.parse(line);
    try {
      if (request.run) {
        tell({ milliseconds: await held!.run() });
      } else if (request.outputs) {
        const y = await held!.output();
        await Deno.writeFile(request.outputs, new Uint8Array(y.buffer));
        tell({ sizes: [y.length] });
      } else {
        await held?.release();
        held = request.work ? await prepare(request) : undefined;
        tell({});
      }
    } catch (error) {
      tell({ error: messageOf(error) });
    }
  }
} catch (error) {
  tell({ error: messageOf(error) });
}
Deno.exit(0);
