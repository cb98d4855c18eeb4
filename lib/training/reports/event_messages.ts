/**
 * Events of TensorBoard: `Event`, `Summary` and `SessionLog` of TensorFlow's
 * `event.proto` and `summary.proto`, as protocol buffers encode them.
 *
 * @module
 */

/** Bytes of a field. */
type Bytes = readonly number[];

/** What {@linkcode eventMessage} encodes: one of the fields but `wallTime` and `step`. */
export interface EventMessage {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  /** In the first event of a file. */
  readonly fileVersion?: string;
  /** Values by their tags. */
  readonly scalars?: Readonly<Record<string, number>>;
  /** Whether a run begins here, to which events of this and later steps do not belong. */
  readonly begins?: boolean;
}

/** The encoding of an event. */
export function eventMessage(
  { wallTime, step, fileVersion, scalars, begins }: EventMessage,
): Uint8Array {
  return Uint8Array.from([
    ...fixed(1, 8, (view) => view.setFloat64(0, wallTime, true)),
    ...step === 0 ? [] : [tag(2, 0), ...varint(step)],
    ...fileVersion === undefined ? [] : text(3, fileVersion),
    ...scalars === undefined ? [] : sized(5, summary(scalars)),
    ...begins ? sized(7, [tag(1, 0), 1]) : [],
  ]);
}

function summary(scalars: Readonly<Record<string, number>>): Bytes {
  return Object.entries(scalars).flatMap(([name, value]) =>
    sized(1, [
      ...text(1, name),
      ...fixed(2, 4, (view) => view.setFloat32(0, value, true)),
    ])
  );
}

/** A field's number and kind: 0 a varint, 1 and 5 of 8 and 4 bytes, 2 of any size. */
function tag(field: number, kind: 0 | 1 | 2 | 5): number {
  return field << 3 | kind;
}

/** Seven bits per byte, the lowest first; all but the last have the eighth bit. */
function varint(value: number): Bytes {
  return value < 128
    ? [value]
    : [value % 128 + 128, ...varint(Math.floor(value / 128))];
}

function sized(field: number, bytes: Bytes): Bytes {
  return [tag(field, 2), ...varint(bytes.length), ...bytes];
}

function text(field: number, value: string): Bytes {
  return sized(field, [...new TextEncoder().encode(value)]);
}

function fixed(
  field: number,
  size: 4 | 8,
  write: (view: DataView) => void,
): Bytes {
  const bytes = new Uint8Array(size);
  write(new DataView(bytes.buffer));
  return [tag(field, size === 8 ? 1 : 5), ...bytes];
}
