// Every error code's ways on; its sentences are in texts/, under `problems`.
//
// ways: agree (photos are sent to who draws the style), retry (same Idempotency-Key), again (a new one), smaller, choose, start, session,
//       photos, avatars, afresh; the first is offered as the main button.

import { t } from "./language.js";
import { remembered } from "./store.js";
import { drawnBy } from "./styles.js";

const WAYS = {
  // The service's own codes.
  invalid_image: ["choose"],
  image_too_large: ["smaller", "choose"],
  file_too_large: ["smaller", "choose"],
  no_face: ["anyface", "again", "choose"],
  no_svg: ["session"],
  picture_unusable: ["choose"],
  consent_required: ["agree", "anystyle"],
  rejected: ["choose", "again"],
  picture_held: ["again", "choose"],
  moderation_unavailable: ["again", "choose"],
  engine_refused: ["anystyle", "choose"],
  engine_unavailable: ["anystyle", "again"],
  not_found: ["session", "photos"],
  sibling_downloaded: ["avatars", "session"],
  request_timeout: ["smaller", "retry"],
  request_running: ["retry"],
  idempotency_key_reused: ["again"],
  too_many_requests: ["retry"],
  too_many_cartoons: ["photos"],
  generation_failed: ["retry", "choose"],
  ai_unavailable: ["retry"],
  database_busy: ["retry"],
  storage_unavailable: ["retry"],
  insufficient_storage: ["retry", "photos"],
  unauthorized: ["afresh"],
  invalid_device_id: ["afresh"],
  invalid_style: ["anystyle"],
  invalid_face: ["session"],
  invalid_cursor: ["retry"],
  invalid_recovery_code: [],
  wrong_recovery_code: [],
  no_transparency: ["session"],
  sticker_too_large: ["session"],
  queue_full: ["retry"],
  too_many_jobs: ["retry"],
  job_canceled: ["again"],
  job_finished: ["session"],
  // Ours.
  offline: ["retry"],
  unreachable: ["retry"],
  cannot_shrink: ["choose"],
};

// What passes by itself: it is asked again after `Retry-After`.
const WAITS = new Set([
  "request_running", "too_many_requests", "ai_unavailable", "database_busy", "storage_unavailable",
  "unreachable", "queue_full", "too_many_jobs",
]);

export function messageOf({ code, detail, requestId }) {
  const known = t.problems[code];
  if (known) {
    const [title, said] = known;
    const text = typeof said === "function" ? said(drawnBy(remembered("pending")?.style).sentTo) : said;
    return { title, text, ways: WAYS[code] ?? ["retry"], waits: WAITS.has(code) };
  }
  const [title, text] = t.unknown;
  const report = requestId ? ` (${t.report(requestId)})` : "";
  return { title, text: `${detail || text}${report}`, ways: ["again", "choose"], waits: false };
}
