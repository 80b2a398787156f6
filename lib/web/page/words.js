// @ts-check
/**
 * What is in a message's text: links, and the user's name.
 *
 * 1. Only `http:` and `https:` are links, and each goes where its text says: a host that is not
 *    plain ASCII is told beside it as the browser will look it up, and a link that has a name or
 *    a password before its host is none.
 * 2. The pieces put together are the text.
 *
 * Pure, and linear in the text. Must not know: the document, who speaks.
 *
 * @module
 */

/**
 * A piece of a text. `host` of a link is empty where its text shows it as it is.
 *
 * @typedef {{ kind: "text", text: string }
 *   | { kind: "mention", text: string }
 *   | { kind: "link", text: string, href: string, host: string }} Piece
 */

const LINK = /\bhttps?:\/\/[^\s\p{Cc}<>"`\u{ab}\u{bb}\u{201c}\u{201d}]{1,2000}/giu;
const PRINTABLE_ASCII = /^[\u{21}-\u{7e}]*$/u;
/** @type {Readonly<Record<string, string>>} */
const OPENING = { ")": "(", "]": "[", "}": "{" };

/**
 * Takes a text apart.
 *
 * @param {string} text
 * @param {RegExp | null} mention Finds the user's name, see {@linkcode nameMatcher}; null for none.
 * @returns {Piece[]}
 */
export function splitText(text, mention) {
  /** @type {Piece[]} */
  const pieces = [];
  let end = 0;
  if (text.includes("://")) {
    for (const match of text.matchAll(LINK)) {
      const shown = trimLink(match[0]);
      const link = readLink(shown);
      if (link === null) continue;
      addText(pieces, text.slice(end, match.index), mention);
      pieces.push({ kind: "link", text: shown, ...link });
      end = match.index + shown.length;
    }
  }
  addText(pieces, text.slice(end), mention);
  return pieces;
}

/**
 * Finds a name as messages contain it: as a whole word, in whatever case. A dot or a dash belongs
 * to a name only between letters, so that `ann.` at the end of a sentence is Ann, and `ann-marie`
 * somebody else.
 *
 * @param {string} name Not empty.
 * @returns {RegExp} Without state.
 */
export function nameMatcher(name) {
  const inside = String.raw`[\p{L}\p{M}\p{N}_]`;
  const literal = name.normalize("NFC").replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
  return new RegExp(
    `(?<!${inside}|${inside}[.-])${literal}(?!${inside}|[.-]${inside})`,
    "iu",
  );
}

/**
 * Two names are one where this is equal: the server knows more of it, and this is enough to find
 * who has just been named.
 *
 * @param {string} name
 * @returns {string}
 */
export function foldName(name) {
  return name.normalize("NFC").toLowerCase();
}

/**
 * A room's name out of what somebody typed, or followed as a link; null where there is none.
 *
 * @param {string} text With its `#` or without.
 * @returns {string | null}
 */
export function roomNameOf(text) {
  const name = text.trim().replace(/^#+/, "");
  return name === "" || /\s/u.test(name) ? null : `#${name}`;
}

/**
 * A room's name out of the address of the page; null where there is none.
 *
 * @param {string} hash As `location.hash`.
 * @returns {string | null}
 */
export function roomOfHash(hash) {
  try {
    return roomNameOf(decodeURIComponent(hash));
  } catch {
    // No such encoding: somebody mistyped the link.
    return null;
  }
}

/**
 * The end of an address that leads to a room.
 *
 * @param {string} room With its `#`.
 * @returns {string}
 */
export function hashOfRoom(room) {
  return `#${encodeURIComponent(room.replace(/^#/, ""))}`;
}

/**
 * Punctuation at the end belongs to the sentence, and so does a bracket that was opened before.
 *
 * @param {string} link
 * @returns {string}
 */
function trimLink(link) {
  let end = link.length;
  for (; end > 0; end--) {
    const last = link[end - 1] ?? "";
    if (/[.,;:!?'*_~|]/.test(last)) continue;
    const opening = OPENING[last];
    if (opening === undefined) break;
    const part = link.slice(0, end);
    if (count(part, opening) >= count(part, last)) break;
  }
  return link.slice(0, end);
}

/**
 * @param {string} text
 * @param {string} char
 */
function count(text, char) {
  return text.split(char).length - 1;
}

/**
 * @param {string} text
 * @returns {{ href: string, host: string } | null}
 */
function readLink(text) {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  if (!/^https?:$/.test(url.protocol) || url.hostname === "") return null;
  // "https://bank.example@evil.example" goes to evil.example, and no honest link looks so.
  if (url.username !== "" || url.password !== "") return null;
  const typed = /^https?:\/\/([^/?#\\]*)/i.exec(text)?.[1] ?? "";
  const isPlain = PRINTABLE_ASCII.test(typed) && !typed.toLowerCase().includes("xn--");
  const isShown = isPlain && typed.toLowerCase().startsWith(url.hostname);
  return { href: url.href, host: isShown ? "" : url.host };
}

/**
 * @param {Piece[]} pieces
 * @param {string} text
 * @param {RegExp | null} mention
 */
function addText(pieces, text, mention) {
  let rest = text;
  while (mention !== null && rest !== "") {
    const match = mention.exec(rest);
    if (match === null || match[0] === "") break;
    if (match.index > 0) pieces.push({ kind: "text", text: rest.slice(0, match.index) });
    pieces.push({ kind: "mention", text: match[0] });
    rest = rest.slice(match.index + match[0].length);
  }
  if (rest !== "") pieces.push({ kind: "text", text: rest });
}
