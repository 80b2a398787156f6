/**
 * The files of the page, each by the path under which browsers ask for it.
 *
 * They are part of the program: nothing is read from a disk when one is asked
 * for, and nothing else can be.
 * Must not know: HTTP, what the page does.
 *
 * @module
 */

import accountDialogScript from "./page/account_dialog.js" with { type: "text" };
import completionScript from "./page/completion.js" with { type: "text" };
import composerScript from "./page/composer.js" with { type: "text" };
import connectionScript from "./page/connection.js" with { type: "text" };
import dialogsScript from "./page/dialogs.js" with { type: "text" };
import domScript from "./page/dom.js" with { type: "text" };
import entryViewScript from "./page/entry_view.js" with { type: "text" };
import helpDialogScript from "./page/help_dialog.js" with { type: "text" };
import iconIcon from "./page/icon.svg" with { type: "text" };
import iconMarkedIcon from "./page/icon_marked.svg" with { type: "text" };
import indexPage from "./page/index.html" with { type: "text" };
import limitsScript from "./page/limits.js" with { type: "text" };
import logViewScript from "./page/log_view.js" with { type: "text" };
import mainScript from "./page/main.js" with { type: "text" };
import manifestManifest from "./page/manifest.webmanifest" with { type: "text" };
import menuScript from "./page/menu.js" with { type: "text" };
import menusScript from "./page/menus.js" with { type: "text" };
import modelScript from "./page/model.js" with { type: "text" };
import moderationScript from "./page/moderation.js" with { type: "text" };
import notifierScript from "./page/notifier.js" with { type: "text" };
import outboxScript from "./page/outbox.js" with { type: "text" };
import peopleViewScript from "./page/people_view.js" with { type: "text" };
import placesViewScript from "./page/places_view.js" with { type: "text" };
import requestsScript from "./page/requests.js" with { type: "text" };
import roomDialogsScript from "./page/room_dialogs.js" with { type: "text" };
import roomLogScript from "./page/room_log.js" with { type: "text" };
import searchDialogScript from "./page/search_dialog.js" with { type: "text" };
import storageScript from "./page/storage.js" with { type: "text" };
import styleStyle from "./page/style.css" with { type: "text" };
import switcherScript from "./page/switcher.js" with { type: "text" };
import themeScript from "./page/theme.js" with { type: "text" };
import typedScript from "./page/typed.js" with { type: "text" };
import wordingScript from "./page/wording.js" with { type: "text" };
import wordsScript from "./page/words.js" with { type: "text" };

/** A file as it is sent. */
export interface PageFile {
  /** Its media type. */
  readonly type: string;
  /** A strong validator: other bytes have another one. */
  readonly etag: string;
  /** Its bytes. */
  readonly body: Uint8Array;
  /** The same for who takes gzip (RFC 1952), with a validator of its own. */
  readonly zipped: { readonly etag: string; readonly body: Uint8Array };
}

const PAGE = "text/html; charset=utf-8";
const STYLE = "text/css; charset=utf-8";
const SCRIPT = "text/javascript; charset=utf-8";
const ICON = "image/svg+xml";
const MANIFEST = "application/manifest+json";

const FILES: Readonly<Record<string, readonly [type: string, text: string]>> = {
  "/": [PAGE, indexPage],
  "/account_dialog.js": [SCRIPT, accountDialogScript],
  "/completion.js": [SCRIPT, completionScript],
  "/composer.js": [SCRIPT, composerScript],
  "/connection.js": [SCRIPT, connectionScript],
  "/dialogs.js": [SCRIPT, dialogsScript],
  "/dom.js": [SCRIPT, domScript],
  "/entry_view.js": [SCRIPT, entryViewScript],
  "/help_dialog.js": [SCRIPT, helpDialogScript],
  "/icon.svg": [ICON, iconIcon],
  "/icon_marked.svg": [ICON, iconMarkedIcon],
  "/limits.js": [SCRIPT, limitsScript],
  "/log_view.js": [SCRIPT, logViewScript],
  "/main.js": [SCRIPT, mainScript],
  "/manifest.webmanifest": [MANIFEST, manifestManifest],
  "/menu.js": [SCRIPT, menuScript],
  "/menus.js": [SCRIPT, menusScript],
  "/model.js": [SCRIPT, modelScript],
  "/moderation.js": [SCRIPT, moderationScript],
  "/notifier.js": [SCRIPT, notifierScript],
  "/outbox.js": [SCRIPT, outboxScript],
  "/people_view.js": [SCRIPT, peopleViewScript],
  "/places_view.js": [SCRIPT, placesViewScript],
  "/requests.js": [SCRIPT, requestsScript],
  "/room_dialogs.js": [SCRIPT, roomDialogsScript],
  "/room_log.js": [SCRIPT, roomLogScript],
  "/search_dialog.js": [SCRIPT, searchDialogScript],
  "/storage.js": [SCRIPT, storageScript],
  "/style.css": [STYLE, styleStyle],
  "/switcher.js": [SCRIPT, switcherScript],
  "/theme.js": [SCRIPT, themeScript],
  "/typed.js": [SCRIPT, typedScript],
  "/wording.js": [SCRIPT, wordingScript],
  "/words.js": [SCRIPT, wordsScript],
};

/** All files of the page, by their paths: `/` and `/style.css`. */
export async function readPageFiles(): Promise<ReadonlyMap<string, PageFile>> {
  const files = new Map<string, PageFile>();
  for (const [path, [type, text]] of Object.entries(FILES)) {
    const body = new TextEncoder().encode(text);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
    const tag = digest.toHex().slice(0, 32);
    const zipped = { etag: `"${tag}-gzip"`, body: await zip(body) };
    files.set(path, { type, etag: `"${tag}"`, body, zipped });
  }
  return files;
}

/** Nothing secret is in these files: no length tells anything. */
async function zip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return await new Response(stream).bytes();
}
