import type { PaperChoice, PaperRecipe } from "./paper_recipe.ts";

/** All recipes on the paper's own data, by their names; those that others go on from come first. */
export const PAPER_RECIPES: Readonly<Record<string, PaperRecipe>> = {};

/** A recipe's name with what was chosen, under which its results are kept. */
export function chosenName(
  name: string,
  { size, task }: Pick<PaperChoice, "size" | "task">,
): string {
  const { sizes = [], tasks = [] } = PAPER_RECIPES[name] ?? {};
  const unusual = [[task, tasks[0]], [size, sizes[0]]].flatMap(
    ([chosen, usual]) => chosen === undefined || chosen === usual ? [] : chosen,
  );
  return [name, ...unusual].join("-");
}

/** The names of all results that there may be. */
export function paperNames(): string[] {
  return Object.entries(PAPER_RECIPES).flatMap(
    ([name, { sizes = [undefined], tasks = [undefined] }]) =>
      tasks.flatMap((task) =>
        sizes.map((size) => chosenName(name, { size, task }))
      ),
  );
}
