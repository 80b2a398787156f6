// @ts-check
/// <reference lib="dom" />
/**
 * What must be known before anything is drawn, since a module would come too late and the page
 * would flash: the colours that the user has chosen, and whether somebody comes back by a reload.
 *
 * Must not know: anything else of the page.
 *
 * @module
 */

{
  try {
    const theme = localStorage.getItem("parley.theme");
    const root = document.documentElement;
    if (theme === "light" || theme === "dark") root.setAttribute("data-theme", theme);
    if (sessionStorage.getItem("parley.session") !== null) root.setAttribute("data-returning", "");
  } catch {
    // Nothing is stored: the system's colours.
  }
}
