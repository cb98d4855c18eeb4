/** A sample of a tar: files whose names differ only in their endings. */
export interface TarSample {
  /** The sample's name in errors, such as `train-000000.tar:n01440764/18`. */
  readonly name: string;
  /** The common part of its files' names. */
  readonly key: string;
  /** The endings of the files' names, such as `jpg` and `cls`, in lower case. */
  readonly fields: readonly string[];
  /**
   * Reads a file of the sample.
   *
   * @throws {RangeError} If it has no such field.
   */
  bytes(field: string): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Reads a file of the sample as UTF-8 text.
   *
   * @throws {RangeError} If it has no such field.
   * @throws {SyntaxError} If it is not UTF-8.
   */
  text(field: string): Promise<string>;
}

export function tarSample(
  shard: string,
  key: string,
  fields: ReadonlyMap<string, () => Promise<Uint8Array<ArrayBuffer>>>,
): TarSample {
  const name = `${shard}:${key}`;
  const bytes = async (field: string) => {
    const read = fields.get(field);
    if (read) return await read();
    throw new RangeError(
      `${name} should have the field ${JSON.stringify(field)}, got ${
        [...fields.keys()].join(", ")
      }`,
    );
  };
  return {
    ...{ name, key, bytes },
    fields: [...fields.keys()],
    async text(field) {
      const content = await bytes(field);
      try {
        return new TextDecoder("utf-8", { fatal: true }).decode(content);
      } catch (cause) {
        throw new SyntaxError(`${name}.${field} should be text in UTF-8`, {
          cause,
        });
      }
    },
  };
}
