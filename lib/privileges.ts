/**
 * Gives permissions back to the runtime, for good.
 *
 * A listener that is open goes on accepting, and a file that is open stays
 * open, but nothing new can be opened: whatever a peer brings the process to
 * do, it reaches no other host and no file.
 * Must not know: what the program still needs; the caller does.
 *
 * @module
 */

/** The last one, for the hosts that code comes from, is missing from the runtime's own types. */
const ALL = ["run", "ffi", "read", "write", "env", "sys", "net", "import"] as Deno.PermissionName[];

/**
 * Revokes every permission of this process. Does nothing that could be undone.
 *
 * @returns Those that were granted, wholly or in part, and are so no more.
 */
export async function dropPrivileges(): Promise<Deno.PermissionName[]> {
  const dropped: Deno.PermissionName[] = [];
  for (const name of ALL) {
    const before = await Deno.permissions.query({ name });
    const hadPart = before.state === "granted" || before.partial;
    const after = await Deno.permissions.revoke({ name });
    if (hadPart && after.state !== "granted") dropped.push(name);
  }
  return dropped;
}
