// The screens in the README are what the client shows, but for times and how long a ping takes.

import { assert } from "@std/assert";
import { captureReadmeScreens } from "../fixtures/readme_screens.ts";
import { WHY_NO_TMUX } from "./tmux.ts";

const README = new URL("../../README.md", import.meta.url);

Deno.test({
  name: "the README shows the client as it is" +
    (WHY_NO_TMUX === null ? "" : ` (ignored: ${WHY_NO_TMUX})`),
  ignore: WHY_NO_TMUX !== null,
  fn: async () => {
    const readme = (await Deno.readTextFile(README)).replaceAll("\r\n", "\n");
    for (const [name, screen] of Object.entries(await captureReadmeScreens())) {
      assert(readme.includes(`\n${screen}\n`), `The README's screen "${name}" is:\n${screen}`);
    }
  },
});
