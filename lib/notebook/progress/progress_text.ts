/** The counts and times that a line of progress shows. */
export interface ProgressCounts {
  /** The amount of work done. */
  readonly done: number;
  /** The total amount of work, if it is known. */
  readonly total: number | undefined;
  /** The amount done before the clock started. */
  readonly initial: number;
  /** Seconds since the clock started. */
  readonly seconds: number;
  /** The unit of the counts. */
  readonly unit: string;
  readonly description: string;
  /** Figures to show after the rate, by name. */
  readonly figures: Readonly<Record<string, number | string>>;
}

/**
 * The parts of a line in tqdm's format:
 * `description:  45%` `|████▌     |` ` 45/100 [00:10<00:12, 4.50it/s, loss=0.3]`.
 */
export interface ProgressText {
  /** The text before the bar. */
  readonly left: string;
  /** The text after the bar. */
  readonly right: string;
  /**
   * The share of the bar that is full, 0–1; undefined without a total, when
   * there is no bar.
   */
  readonly share: number | undefined;
}

/** Formats progress as the parts of a line. */
export function progressText(counts: ProgressCounts): ProgressText {
  const { done, total, initial, seconds, unit, description, figures } = counts;
  const title = description && `${description}: `;
  const rate = seconds > 0 ? (done - initial) / seconds : 0;
  const postfix = Object.entries(figures)
    .map(([name, value]) => `, ${name}=${figureText(value)}`).join("");
  const speed = `${rateText(rate, unit)}${postfix}`;
  if (total === undefined) {
    const right = `${done}${unit} [${clockText(seconds)}, ${speed}]`;
    return { left: title, right, share: undefined };
  }
  const share = total > 0 ? Math.min(1, done / total) : 1;
  const percent = Math.floor(100 * share).toString().padStart(3);
  const left = rate > 0 ? clockText(Math.max(0, total - done) / rate) : "?";
  return {
    left: `${title}${percent}%`,
    right: ` ${done}/${total} [${clockText(seconds)}<${left}, ${speed}]`,
    share,
  };
}

const EIGHTHS = " ▏▎▍▌▋▊▉";

/** The width of a bar on a line without a limit. */
const BAR_WIDTH = 20;

/**
 * Joins the parts to a line of at most `columns` characters. The bar fills the
 * remaining room, and is left out if there is none.
 */
export function progressLine(
  { left, right, share }: ProgressText,
  columns = Infinity,
): string {
  const room = columns - left.length - right.length - "||".length;
  if (share === undefined || room < 4) return (left + right).slice(0, columns);
  const width = room === Infinity ? BAR_WIDTH : room;
  const eighths = Math.floor(share * width * 8);
  const full = "█".repeat(Math.floor(eighths / 8));
  const part = eighths % 8 > 0 ? EIGHTHS[eighths % 8] : "";
  return `${left}|${(full + part).padEnd(width)}|${right}`;
}

/** Formats a time as `00:07`, `12:34` or `1:02:03`. */
function clockText(seconds: number): string {
  const whole = Math.floor(seconds);
  const hours = Math.floor(whole / 3600);
  const clock = [Math.floor(whole / 60) % 60, whole % 60]
    .map((part) => String(part).padStart(2, "0")).join(":");
  return hours > 0 ? `${hours}:${clock}` : clock;
}

function rateText(rate: number, unit: string): string {
  if (rate === 0) return `?${unit}/s`;
  return rate >= 1
    ? `${rate.toFixed(2)}${unit}/s`
    : `${(1 / rate).toFixed(2)}s/${unit}`;
}

function figureText(value: number | string): string {
  if (typeof value === "string") return value;
  return Number.isInteger(value) || Math.abs(value) >= 1000
    ? value.toFixed()
    : value.toPrecision(4);
}
