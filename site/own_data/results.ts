/// <reference lib="dom" />
/** What a model that has been trained makes of the held-out examples. @module */
import { byId, make, row } from "../elements.ts";
import type { Answered, Learned, PassedOver } from "./calls.ts";

/** Held-out examples that are shown, and names of what is passed over. */
const [ANSWERS, NAMES] = [50, 200];

/** Shows which classes are taken for which. */
export function showConfusion({ classes, confusion }: Learned): void {
  const table = byId("own-confusion", HTMLTableElement);
  const body = confusion.map((counts, label) => {
    const sum = counts.reduce((sum, count) => sum + count, 0);
    const cells = row(classes[label]!, ...counts.map(String));
    for (const [i, cell] of [...cells.querySelectorAll("td")].entries()) {
      const share = sum === 0 ? 0 : counts[i]! / sum;
      cell.style.setProperty("--share", `${share}`);
      cell.classList.toggle("right", i === label);
    }
    return cells;
  });
  const head = make(
    "tr",
    {},
    make("th", { scope: "col" }, "true \\ predicted"),
    ...classes.map((name) => make("th", { scope: "col" }, name)),
  );
  table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...body));
}

/** Shows what the model says of held-out examples: its mistakes first, the surest ones before. */
export function showAnswers({ classes, heldOut }: Learned): void {
  const isWrong = ({ label, predicted }: Answered) => label !== predicted;
  const sorted = heldOut.toSorted((a, b) =>
    Number(isWrong(b)) - Number(isWrong(a)) || b.probability - a.probability
  );
  byId("own-answers", HTMLTableSectionElement).replaceChildren(
    ...sorted.slice(0, ANSWERS).map((one) => {
      const cells = row(
        one.name,
        classes[one.label]!,
        classes[one.predicted]!,
        `${(100 * one.probability).toFixed(1)} %`,
      );
      cells.classList.toggle("wrong", isWrong(one));
      return cells;
    }),
  );
}

/** Shows the files or rows that nothing is learned from. */
export function showPassedOver(passed: readonly PassedOver[]): void {
  const details = byId("own-passed", HTMLDetailsElement);
  details.hidden = passed.length === 0;
  const rest = passed.length - NAMES;
  byId("own-passed-count", HTMLElement).textContent =
    `Skipped: ${passed.length}`;
  byId("own-passed-names", HTMLElement).replaceChildren(
    ...passed.slice(0, NAMES).map(({ name, reason }) =>
      make("li", {}, `${name}: ${reason}`)
    ),
    ...rest > 0 ? [make("li", {}, `and ${rest} more`)] : [],
  );
}

/** What was learned, in a sentence. */
export function summaryOf(
  { classes, heldOut, trained, confusion, steps, seconds, device }: Learned,
): string {
  const right = confusion.reduce((sum, counts, i) => sum + counts[i]!, 0);
  const largest = Math.max(
    ...classes.map((_, label) =>
      heldOut.filter((one) => one.label === label).length
    ),
  );
  const share = (count: number) =>
    `${(100 * count / heldOut.length).toFixed(1)} %`;
  return `The model is right about ${right} of ${heldOut.length} held-out examples, ${
    share(right)
  }; always answering the most common class would get ${
    share(largest)
  }. It learned from ${trained} examples, in ${steps} steps and ${
    seconds.toFixed(0)
  } s on ${device}.`;
}
