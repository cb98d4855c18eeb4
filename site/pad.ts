/// <reference lib="dom" />
/** The pad on which one draws: with a mouse, a pen, a finger, or keys. @module */
import type { Point, Stroke } from "./strokes.ts";

/** Pixels of a side. */
const SIZE = 560;

/** How wide the pen is, in parts of a side. */
const PEN = 0.07;

/** How far a key moves the pen; a part of it with Shift. */
const [STEP, FINE] = [0.05, 0.2];

const ARROWS: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** A canvas that keeps the strokes drawn on it. */
export class Pad {
  readonly #canvas: HTMLCanvasElement;
  readonly #onChange: (isDone: boolean) => void;
  #strokes: Point[][] = [];
  #isDown = false;
  /** The pen that keys move; unseen until one is pressed. */
  #pen: Point | undefined;
  /** Whether the strokes are an example, which goes when somebody draws. */
  #isExample = false;

  /**
   * @param onChange Is called after each change; `isDone` when the pen is lifted.
   */
  constructor(
    canvas: HTMLCanvasElement,
    onChange: (isDone: boolean) => void,
  ) {
    this.#canvas = canvas;
    this.#onChange = onChange;
    canvas.width = canvas.height = SIZE;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.#pen = undefined;
      this.#begin(this.#pointOf(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.#isDown || !canvas.hasPointerCapture(event.pointerId)) return;
      const events = event.getCoalescedEvents();
      for (const each of events.length > 0 ? events : [event]) {
        this.#extend(this.#pointOf(each));
      }
    });
    for (const end of ["pointerup", "pointercancel"] as const) {
      canvas.addEventListener(end, () => this.#lift());
    }
    canvas.addEventListener("keydown", (event) => this.#press(event));
    canvas.addEventListener("blur", () => {
      this.#pen = undefined;
      this.#lift();
      this.paint();
    });
  }

  /** What has been drawn. */
  get strokes(): readonly Stroke[] {
    return this.#strokes;
  }

  /** Draws an example in place of what is there. */
  set strokes(strokes: readonly Stroke[]) {
    this.#strokes = strokes.map((stroke) => [...stroke]);
    this.#isExample = true;
    this.paint();
    this.#onChange(true);
  }

  /** Draws all of it, in the colours of the page. */
  paint(): void {
    const context = this.#canvas.getContext("2d")!;
    const style = getComputedStyle(this.#canvas);
    const colour = (name: string) => style.getPropertyValue(name);
    context.clearRect(0, 0, SIZE, SIZE);
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = context.fillStyle = colour("--ink");
    context.lineWidth = PEN * SIZE;
    for (const stroke of this.#strokes) {
      context.beginPath();
      stroke.forEach(({ x, y }) => context.lineTo(x * SIZE, y * SIZE));
      // A line to where it is already makes a dot.
      context.lineTo(stroke[0]!.x * SIZE, stroke[0]!.y * SIZE);
      if (stroke.length > 1) {
        context.beginPath();
        stroke.forEach(({ x, y }) => context.lineTo(x * SIZE, y * SIZE));
      }
      context.stroke();
    }
    if (this.#pen) {
      const [x, y] = [this.#pen.x * SIZE, this.#pen.y * SIZE];
      context.strokeStyle = colour("--forward");
      context.lineWidth = 4;
      context.beginPath();
      context.arc(x, y, PEN * SIZE / 2, 0, 2 * Math.PI);
      if (this.#isDown) context.fill();
      context.stroke();
    }
  }

  #pointOf(event: PointerEvent): Point {
    const box = this.#canvas.getBoundingClientRect();
    return {
      x: inside((event.clientX - box.left) / box.width),
      y: inside((event.clientY - box.top) / box.height),
    };
  }

  #begin(point: Point): void {
    this.#isDown = true;
    if (this.#isExample) this.#strokes = [];
    this.#isExample = false;
    this.#strokes.push([]);
    this.#extend(point);
  }

  #extend(point: Point): void {
    this.#strokes.at(-1)!.push(point);
    this.paint();
    this.#onChange(false);
  }

  #lift(): void {
    if (!this.#isDown) return;
    this.#isDown = false;
    this.#onChange(true);
  }

  #press(event: KeyboardEvent): void {
    const arrow = ARROWS[event.key];
    if (!arrow && event.key !== " ") return;
    // With these, keys are the browser's: Alt and an arrow go back.
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    // The space bar that is held down puts the pen down once.
    if (!arrow && event.repeat) return;
    const pen = this.#pen ?? { x: 0.5, y: 0.5 };
    if (arrow) {
      const step = STEP * (event.shiftKey ? FINE : 1);
      this.#pen = {
        x: inside(pen.x + step * arrow[0]),
        y: inside(pen.y + step * arrow[1]),
      };
      if (this.#isDown) this.#extend(this.#pen);
    } else {
      this.#pen = pen;
      if (this.#isDown) this.#lift();
      else this.#begin(pen);
    }
    this.paint();
  }
}

function inside(value: number): number {
  return Math.min(1, Math.max(0, value));
}
