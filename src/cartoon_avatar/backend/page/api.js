// The service as seen from here: who is asking, requests, and errors as a Problem.

import { remember, remembered } from "./store.js";

// The service answers a photo within seconds; a line that fell silent never does.
const UPLOAD_TIMEOUT_MS = 180_000;

/** An error answer, or no answer; `code` is the service's own or one of messages.js. */
export class Problem extends Error {
  constructor({ code, detail = "", status = 0, retryAfterS = null, requestId = "" }) {
    super(detail || code);
    Object.assign(this, { code, detail, status, retryAfterS, requestId });
  }
}

// crypto.randomUUID is missing where the page comes over plain http.
export function randomName() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function identity() {
  let known = remembered("identity");
  if (!known?.deviceId) {
    known = { deviceId: `web-${randomName()}`, token: null };
    remember("identity", known);
  }
  return known;
}

/** Whether this browser ever asked for anything. */
export const isKnown = () => Boolean(remembered("identity")?.deviceId);

export const hasToken = () => Boolean(remembered("identity")?.token);

/** This browser goes on as another device, whose library it took over. */
export const takeIdentity = (deviceId, token) => remember("identity", { deviceId, token });

export const forgetIdentity = () => remember("identity", null);

function headers(more = {}) {
  const { deviceId, token } = identity();
  const bearer = token ? { Authorization: `Bearer ${token}` } : {};
  return { Accept: "application/json", "X-Device-Id": deviceId, ...bearer, ...more };
}

// Relative to the page, so that a proxy may serve it below a path of its own.
const addressOf = (path) => new URL(path.replace(/^\//, ""), document.baseURI);

/** A picture's address on this page's own origin, whatever PUBLIC_URL says. */
export function pictureUrl(url) {
  return url ? addressOf(url.slice(url.indexOf("/uploads/"))).href : "";
}

async function request(path, options) {
  let answer;
  try {
    answer = await fetch(addressOf(path), { cache: "no-store", ...options });
  } catch {
    throw noAnswer();
  }
  const text = answer.status === 204 ? "" : await answer.text().catch(() => "");
  return resultOf(answer.status, text, answer.headers.get("Retry-After"));
}

export const get = (path, cache = "no-store") => request(path, { cache, headers: headers() });

/** A file that a device must be named for. */
export async function fileAt(path) {
  let answer;
  try {
    answer = await fetch(addressOf(path), { cache: "no-store", headers: headers() });
  } catch {
    throw noAnswer();
  }
  if (answer.ok) return answer.blob();
  const text = await answer.text().catch(() => "");
  return resultOf(answer.status, text, answer.headers.get("Retry-After"));
}

export const put = (path) => request(path, { method: "PUT", headers: headers() });

export const remove = (path) => request(path, { method: "DELETE", headers: headers() });

/** What a path answers, as it comes in. */
export async function opened(path, more) {
  let answer;
  try {
    answer = await fetch(addressOf(path), { cache: "no-store", headers: headers(more) });
  } catch {
    throw noAnswer();
  }
  if (answer.ok) return answer.body;
  return resultOf(answer.status, await answer.text().catch(() => ""), answer.headers.get("Retry-After"));
}

/** The same `key` may be sent again after any failure without anything happening twice. */
export const post = (path, wish, key, more = {}) =>
  request(path, {
    method: "POST",
    headers: headers({ "Content-Type": "application/json", "Idempotency-Key": key, ...more }),
    body: JSON.stringify(wish),
  });

/** Sends a photo; `onProgress` hears the share sent, 0 to 1. */
export function upload(photo, style, key, { onProgress, signal, more = {} }) {
  const form = new FormData();
  form.append("image", photo, "photo");
  if (style) form.append("style", style);
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const sending = new XMLHttpRequest(); // fetch cannot tell how much is sent
    sending.open("POST", addressOf("/api/upload"));
    const named = headers({ "Idempotency-Key": key, ...more });
    for (const [name, value] of Object.entries(named)) sending.setRequestHeader(name, value);
    sending.timeout = UPLOAD_TIMEOUT_MS;
    sending.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
    sending.upload.onload = () => onProgress(1);
    sending.onerror = sending.ontimeout = () => reject(noAnswer());
    sending.onabort = () => reject(new Problem({ code: "cancelled" }));
    sending.onload = () => {
      try {
        const retryAfter = sending.getResponseHeader("Retry-After");
        const created = resultOf(sending.status, sending.responseText, retryAfter);
        if (created.deviceToken) {
          remember("identity", { ...identity(), token: created.deviceToken });
        }
        resolve(created);
      } catch (problem) {
        reject(problem);
      }
    };
    signal.addEventListener("abort", () => sending.abort());
    sending.send(form);
  });
}

const noAnswer = () =>
  new Problem(navigator.onLine ? { code: "unreachable", retryAfterS: 10 } : { code: "offline" });

function resultOf(status, text, retryAfter) {
  let body = null;
  try {
    body = text ? JSON.parse(text) : null;
  } catch {
    // Not ours: a proxy's page, perhaps.
  }
  if (status >= 200 && status < 300) return body;
  const seconds = retryAfter === null ? NaN : Number(retryAfter);
  throw new Problem({
    code: body?.code ?? codeOf(status),
    detail: body?.detail,
    requestId: body?.requestId,
    status,
    retryAfterS: Number.isFinite(seconds) ? seconds : null,
  });
}

// What a proxy in between says without our body.
function codeOf(status) {
  if (status === 413) return "file_too_large";
  if (status === 429) return "too_many_requests";
  return status === 0 || status >= 502 ? "unreachable" : "internal_error";
}
