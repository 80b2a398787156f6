/**
 * Background promises and their owner: promises that the test settles.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Tasks } from "../lib/tasks.ts";

/** Tasks, and what was reported of them. */
function startTrial(): { tasks: Tasks; reports: (readonly [string, unknown])[] } {
  const reports: (readonly [string, unknown])[] = [];
  return { tasks: new Tasks((name, error) => reports.push([name, error])), reports };
}

/** Lets every callback run that is due. */
async function callbacks(): Promise<void> {
  for (let count = 0; count < 5; count++) await Promise.resolve();
}

Deno.test("Tasks.own() reports what fails by its name, and nothing else", async () => {
  const { tasks, reports } = startTrial();
  const [first, second] = [new Error("first"), new Error("second")];
  tasks.own("Session", Promise.reject(first));
  tasks.own("Session", Promise.resolve("fine"));
  tasks.own("Session", Promise.reject(second));
  tasks.own("Accepting", Promise.reject(null));
  await tasks.settled();
  assertEquals(reports, [["Session", first], ["Session", second], ["Accepting", null]]);
});

Deno.test("Tasks.size counts those that run", async () => {
  const { tasks } = startTrial();
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  tasks.own("first", first.promise);
  tasks.own("second", second.promise);
  assertEquals(tasks.size, 2);
  first.resolve();
  await callbacks();
  assertEquals(tasks.size, 1);
  second.reject(new Error("second"));
  await callbacks();
  assertEquals(tasks.size, 0);
});

Deno.test("Tasks.settled() resolves at once where nothing runs, again and again", async () => {
  const { tasks } = startTrial();
  await tasks.settled();
  tasks.own("done", Promise.resolve());
  await tasks.settled();
  await tasks.settled();
  assertEquals(tasks.size, 0);
});

Deno.test("Tasks.settled() waits for all, those that start meanwhile included", async () => {
  const { tasks } = startTrial();
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  tasks.own("first", first.promise);
  let isSettled = false;
  const settled = Promise.all([tasks.settled(), tasks.settled()]).then(() => isSettled = true);
  tasks.own("second", second.promise);
  first.resolve();
  await callbacks();
  assert(!isSettled);
  second.reject(new Error("second"));
  await settled;
  assertEquals(tasks.size, 0);
});

Deno.test("Tasks.settled() waits for what a task starts in its last step", async () => {
  const { tasks } = startTrial();
  const late = Promise.withResolvers<void>();
  const parent = async (): Promise<void> => {
    await Promise.resolve();
    tasks.own("child", late.promise);
  };
  tasks.own("parent", parent());
  let isSettled = false;
  const settled = tasks.settled().then(() => isSettled = true);
  await callbacks();
  assert(!isSettled);
  late.resolve();
  await settled;
});
