/** Recipes as published, early since they take long: tools/gate.ts says why. @module */
import "../recipes/paper_recipes_test.ts";
