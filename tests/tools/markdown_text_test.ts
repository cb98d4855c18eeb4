/** Markdown that is made. @module */
import { assertEquals } from "@std/assert";
import { withoutPadding } from "../../tools/markdown_text.ts";

Deno.test("a table loses the spaces that align its columns, and nothing else", () => {
  assertEquals(
    withoutPadding(`Text  with | a bar   |

| name   |  value |   |
| ------ | -----: | :-: |
| a  b   |    1   |   |
| -- c   | x \\|  y | ---- |

- | no row |   at all |
`),
    `Text  with | a bar   |

| name | value | |
| --- | ---: | :---: |
| a  b | 1 | |
| -- c | x \\| y | ---- |

- | no row |   at all |
`,
  );
});
