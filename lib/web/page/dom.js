// @ts-check
/// <reference lib="dom" />
/**
 * Making and finding elements.
 *
 * Promises that a text stays a text: there is no way from here to markup, nor to an attribute that
 * runs anything.
 * Must not know: what is shown.
 *
 * @module
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * What an element is made with. `attributes` are fixed names that the page itself has chosen.
 *
 * @typedef {object} Made
 * @property {string} [className]
 * @property {string} [text]
 * @property {Readonly<Record<string, string>>} [attributes]
 */

/**
 * The element of the page with an id.
 *
 * @template {Element} Kind
 * @param {string} id
 * @param {new () => Kind} kind What it is.
 * @returns {Kind}
 * @throws {Error} If the page has none: it is not the page that belongs to this module.
 */
export function byId(id, kind) {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`The page has no ${kind.name} "${id}"`);
}

/**
 * Makes an element.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Made} [made]
 * @param {readonly (Node | string)[]} [children]
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, { className = "", text = "", attributes = {} } = {}, children = []) {
  const element = document.createElement(tag);
  if (className !== "") element.className = className;
  if (text !== "") element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * A button that does something.
 *
 * @param {Made} made
 * @param {() => void} onClick
 * @param {readonly (Node | string)[]} [children]
 * @returns {HTMLButtonElement}
 */
export function makeButton(made, onClick, children = []) {
  const button = make("button", made, children);
  button.type = "button";
  button.addEventListener("click", onClick);
  return button;
}

/**
 * One of the page's own pictures.
 *
 * @param {string} name As the sprite has it, without `i-`.
 * @returns {SVGSVGElement}
 */
export function makeIcon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/**
 * Text for those who hear the page.
 *
 * @param {string} text
 * @returns {HTMLSpanElement}
 */
export function makeHidden(text) {
  return make("span", { className: "hidden-text", text });
}

/**
 * The circle beside a name: its first letter, in the colour of the name.
 *
 * @param {string} name
 * @returns {HTMLSpanElement}
 */
export function makeAvatar(name) {
  const bot = isBot(name) ? " bot" : "";
  return make("span", {
    className: `avatar ${hueOf(name)}${bot}`,
    text: initialOf(name),
    attributes: { "aria-hidden": "true" },
  });
}

/**
 * What stands in the circle.
 *
 * @param {string} name
 * @returns {string}
 */
export function initialOf(name) {
  const [first = "?"] = name;
  return first.toUpperCase();
}

/**
 * The class of a name's colour: always the same for the same name.
 *
 * @param {string} name
 * @returns {string}
 */
export function hueOf(name) {
  let hash = 7;
  for (const char of name.toLowerCase()) {
    hash = (Math.imul(hash, 31) + (char.codePointAt(0) ?? 0)) >>> 0;
  }
  return `hue-${hash % 12}`;
}

/**
 * Whether a name is a program's: the server gives such names to nobody else.
 *
 * @param {string} name
 * @returns {boolean}
 */
export function isBot(name) {
  return name.endsWith("[bot]");
}

/**
 * Sets an attribute, or takes it away; nothing happens where it is so already.
 *
 * @param {Element} element
 * @param {string} name
 * @param {string | null} value
 * @returns {void}
 */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) === value) return;
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

/**
 * Sets an element's text; nothing happens where it is so already, so that nothing is told twice.
 *
 * @param {Element} element
 * @param {string} text
 * @returns {void}
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
