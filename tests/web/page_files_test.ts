// What holds for every file of the page, read as text: no way from what people write to markup or
// code, nothing from elsewhere, and a list of files that is whole.

import { assert, assertEquals } from "@std/assert";
import { PASSWORD_LENGTH_MIN, PHRASE_LENGTH_MAX } from "../../lib/limits.ts";

const PAGE = new URL("../../lib/web/page/", import.meta.url);
const FILES = [...Deno.readDirSync(PAGE)].map(({ name }) => name).sort();
const MODULES = FILES.filter((name) => name.endsWith(".js"));

function read(name: string): string {
  return Deno.readTextFileSync(new URL(name, PAGE));
}

/** A module's text without its comments. */
function codeOf(name: string): string {
  return read(name).replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(^|\s)\/\/ .*$/gm, "$1");
}

Deno.test("no module has a way to markup, to code, or to an attribute that holds either", () => {
  const sinks = new RegExp(
    "innerHTML|outerHTML|insertAdjacentHTML|document\\.write|DOMParser|createContextualFragment" +
      "|\\beval\\b|new Function|srcdoc|setAttributeNS|setHTML|parseHTMLUnsafe" +
      '|setAttribute\\([^)]*(?:"on|"style|"href", (?!`#i-))',
  );
  for (const name of MODULES) assertEquals(sinks.exec(codeOf(name))?.[0], undefined, name);
});

Deno.test("nothing is fetched from elsewhere, and nothing stands in the page that its policy forbids", () => {
  for (const name of MODULES) {
    assert(!/fetch\(|XMLHttpRequest|sendBeacon|import\("http/.test(codeOf(name)), name);
  }
  const html = read("index.html");
  assert(!/\sstyle=|\son[a-z]+=|<style|<script>|https?:\/\//.test(html));
  assert(!/url\(|@import|https?:/.test(read("style.css")));
});

Deno.test("modules import only each other", () => {
  for (const name of MODULES) {
    const imports = [...codeOf(name).matchAll(/\bfrom "([^"]+)"/g)].map(([, from = ""]) => from);
    for (const from of imports) assert(FILES.includes(from.replace("./", "")), from);
  }
});

Deno.test("the page names all its files, and has each that it names", () => {
  const used = [...read("index.html").matchAll(/(?:src|href)="\/([^"]+)"/g)]
    .map(([, name = ""]) => name);
  // The page itself, and the icon that a module puts in the other's place.
  assertEquals([...new Set([...used, "index.html", "icon_marked.svg"])].sort(), FILES);
});

Deno.test("every element that a module asks for by its id is in the page, once", () => {
  const ids = [...read("index.html").matchAll(/\sid="([^"]+)"/g)].map(([, id = ""]) => id);
  assertEquals(new Set(ids).size, ids.length);
  for (const name of MODULES) {
    const pattern = /\b(?:byId|readyDialog|onSubmitOf|onClick)\(\s*"([^"]+)"/g;
    const asked = [...codeOf(name).matchAll(pattern)].map(([, id = ""]) => id);
    assertEquals(asked.filter((id) => !ids.includes(id)), [], name);
  }
});

Deno.test("fields take what the server does", () => {
  const html = read("index.html");
  const shortest = [...html.matchAll(/minlength="(\d+)"/g)].map(([, length]) => Number(length));
  assertEquals([...new Set(shortest)], [PASSWORD_LENGTH_MIN]);
  for (const id of ["topic-input", "sanction-reason"]) {
    const [, length] = new RegExp(`id="${id}" maxlength="(\\d+)"`).exec(html) ?? [];
    assertEquals(Number(length), PHRASE_LENGTH_MAX, id);
  }
});

Deno.test("files of the page are printable ASCII, and modules open with what they are", () => {
  for (const name of FILES) assert(!/[^\n -~]/.test(read(name)), name);
  for (const name of MODULES) {
    const opening = /^\/\/ @ts-check\n[\s\S]*?\*\/\n/.exec(read(name))?.[0] ?? "";
    assertEquals([opening.includes(" * @module\n"), opening.includes("Must not know")], [
      true,
      true,
    ], name);
  }
});
