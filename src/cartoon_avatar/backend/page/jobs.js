// What takes long: the service promises it (202) and tells how far it is, until it is done.

import { Problem, get, opened, remove } from "./api.js";

// Most drawings are done by then, and nothing is said of a queue.
export const PREFER = { Prefer: "respond-async, wait=2" };

const AGAIN_MS = 2000;
const ENDED = ["succeeded", "failed", "canceled"];

/** The answer itself, or what comes of the job that it promises; `report` hears each change of it. */
export async function resultOf(answer, report) {
  let { job } = answer;
  if (!job) return answer;
  report(job);
  for (;;) {
    job = await changed(job, report);
    if (ENDED.includes(job.state)) break;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS)); // the line broke off
  }
  if (job.result) return job.result;
  throw new Problem({ code: "not_found", ...job.error });
}

/** The job as it is at the end of a stream of its changes: done, unless the line broke off. */
async function changed(job, report) {
  const stream = await opened(`/api/jobs/${job.id}`, { Accept: "text/event-stream" });
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let latest = job;
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read().catch(() => ({ done: true }));
    if (done) return latest;
    const events = `${rest}${value}`.split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const data = event.split("\n").find((line) => line.startsWith("data:"));
      if (!data) continue;
      latest = JSON.parse(data.slice(5));
      report(latest);
    }
  }
}

/** The device's jobs that are not done, the newest first: for who has lost what it asked for. */
export async function underWay() {
  const lists = await Promise.all(
    ["running", "queued"].map((state) => get(`/api/jobs?state=${state}`)),
  );
  return lists.flatMap(({ items }) => items).sort((a, b) => b.createdAt.localeCompare(a.createdAt));
}

export const cancel = (job) => remove(`/api/jobs/${job.id}`);
