// @ts-check
/// <reference lib="dom" />
/**
 * The colours that the user has chosen, before anything is drawn: a module would come too late,
 * and the page would flash.
 *
 * Must not know: anything else of the page.
 *
 * @module
 */

{
  try {
    const theme = localStorage.getItem("parley.theme");
    if (theme === "light" || theme === "dark") {
      document.documentElement.setAttribute("data-theme", theme);
    }
  } catch {
    // Nothing is stored: the system's colours.
  }
}
