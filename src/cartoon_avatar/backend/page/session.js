// What a person does with one photo: send it, ask for drawings, pick one.
//
// state.work is null, or
//   step      "sending" | "drawing" | "choosing" | "cutting" | "head"
//   photo     {src, fallback, width, height, opens}; not every browser opens every kind (HEIC)
//   progress  share sent, 0 to 1, while sending
//   original, cartoons, shown (a cartoon's id), face (the head)
//   job       what is said of the request under way where it takes long: its place, how far it is
//   another   the style of one more that is being drawn; next: the style asked for meanwhile
//   faces     of the photo; person: the index of the one who is drawn
//   avatars   heads of this photo, where its drawings are gone
//
// A request under way is kept as "pending" with its Idempotency-Key, so that after a lost line
// or a reload the very same request goes out again and nothing is done twice. One that was found
// among the service's jobs has its job instead, which is followed.

import { Problem, fileAt, pictureUrl, post, put, randomName, upload } from "./api.js";
import { t } from "./language.js";
import { PREFER, cancel, resultOf } from "./jobs.js";
import { MAX_BYTES, fitting, isPicture, save, sizeOf } from "./pictures.js";
import { goTo, here, settle } from "./place.js";
import {
  dropPhoto, keepPhoto, remember, rememberBackground, rememberPerson, remembered, say, set, state,
} from "./store.js";
import { drawnBy, needsFaceIn, otherStyle, styleWithoutFace } from "./styles.js";
import { resume } from "./visits.js";

const TILE_SEED = 0; // previews are drawn with it
const ASK_AGAIN_MS = 2000;
const REFUSED = ["invalid_image", "picture_unusable"];

/** Whether there is no photo to show, and a sentence says all. */
export const isRefusal = ({ code }) => REFUSED.includes(code);

// {photo, abort} of the photo on its way, until its cartoon is shown. Whoever waited looks whether it
// is still theirs: another photo may have been chosen meanwhile.
let sending = null;

export const isSending = () => sending !== null;

export const changeWork = (changes) => set({ work: { ...state.work, ...changes } });

export const isAt = (work) => state.work?.original?.id === work.original.id;

// ---- a new photo

export async function startPhoto(file, maxBytes = MAX_BYTES) {
  await clear();
  const mine = (sending = { photo: file, abort: new AbortController() });
  const readable = await isPicture(file);
  if (mine !== sending) return;
  if (!readable) {
    await refuse(new Problem({ code: "invalid_image" }));
    return;
  }
  const photo = await localPhoto(file);
  if (mine !== sending) return;
  goTo("photo");
  set({ work: { step: "sending", photo, progress: 0, cartoons: [] }, problem: null });
  try {
    mine.photo = await fitting(file, maxBytes);
  } catch (problem) {
    if (mine === sending) fail(problem);
    return;
  }
  if (mine !== sending) return;
  await keepPhoto(mine.photo);
  if (mine !== sending) return;
  await send({ kind: "upload", key: randomName(), style: state.style });
}

/** One of the pictures that come with the page. */
export async function startSample(name) {
  try {
    const answer = await fetch(new URL(`page/samples/faces/${name}.jpg`, document.baseURI));
    if (!answer.ok) throw new Error(answer.statusText);
    await startPhoto(new File([await answer.blob()], `${name}.jpg`, { type: "image/jpeg" }));
  } catch {
    set({ problem: new Problem({ code: navigator.onLine ? "unreachable" : "offline" }) });
  }
}

/** Takes up the upload that a reload interrupted; false if its photo was not kept. */
export async function sendAgain(pending, kept) {
  const mine = (sending = { photo: null, abort: new AbortController() });
  mine.photo = await kept();
  const photo = mine.photo && (await localPhoto(mine.photo));
  if (mine !== sending) return true;
  if (photo === null) {
    await clear();
    return false;
  }
  goTo("photo");
  set({ work: { step: "sending", photo, progress: 0, cartoons: [] }, resuming: false });
  await send(pending);
  return true;
}

/** Waits for the photo of a job: the service has it, this browser does not. */
export async function followUpload(job) {
  sending = { photo: null, abort: new AbortController() };
  goTo("photo");
  const photo = { src: null, fallback: null, width: 1, height: 1, opens: false };
  set({ work: { step: "drawing", photo, progress: 1, cartoons: [], job }, resuming: false });
  await arrived(async (report) => resultOf({ job }, report), refuse);
}

async function send(pending) {
  const mine = sending;
  mine.abort = new AbortController();
  begin(pending);
  changeWork({ step: "sending", progress: 0 });
  say(t.said.sending);
  const onProgress = (progress) => {
    if (mine !== sending) return;
    const drawing = progress >= 1;
    if (drawing && state.work.step === "sending") say(t.said.drawing);
    changeWork({ progress, step: drawing ? "drawing" : "sending" });
  };
  const options = { onProgress, signal: mine.abort.signal, more: PREFER };
  await arrived(async (report) => {
    const answer = await patiently(() => upload(mine.photo, pending.style, pending.key, options));
    return resultOf(answer, report);
  }, fail);
}

/** Shows what comes of the photo on its way; `failed` is told why nothing does. */
async function arrived(wait, failed) {
  const mine = sending;
  const report = (job) => {
    if (mine === sending) changeWork({ job, step: "drawing" });
  };
  let created;
  try {
    created = await wait(report);
  } catch (problem) {
    if (mine !== sending) return;
    changeWork({ job: null });
    if (problem.code === "job_canceled") {
      await cancelSending();
      return;
    }
    if (isRefusal(problem)) await refuse(problem);
    else await failed(problem);
    return;
  }
  if (mine !== sending) return;
  const { original, cartoon, faces } = created;
  remember("session", { originalId: original.id });
  end();
  dropPhoto();
  await shownOnceLoaded(cartoon);
  if (mine !== sending) return;
  sending = null;
  if (here() === "photo") settle("photo", { originalId: original.id });
  // The picture on the screen stays the very one that was chosen.
  const photo = { ...photoOf(original), ...(state.work.photo.opens ? state.work.photo : {}) };
  changeWork({
    step: "choosing", photo, original, faces, person: 0, job: null, cartoons: [cartoon], shown: cartoon.id,
  });
  say(t.said.ready);
}

/** Back to the start with a sentence: there is nothing of it to show. */
async function refuse(problem) {
  await clear();
  if (here() === "photo") settle("");
  set({ problem });
}

/** Puts the photo at hand away; what is stored stays stored. */
export async function clear() {
  sending?.abort.abort();
  sending = null;
  end();
  remember("session", null);
  set({ work: null, problem: null });
  await dropPhoto();
}

export async function leave() {
  await clear();
  goTo("");
}

export async function cancelSending() {
  await clear();
  settle("");
}

/** Sends a smaller copy of the photo that was too large. */
export const startSmaller = () => startPhoto(sending.photo, Math.min(MAX_BYTES, sending.photo.size) / 3);

// ---- more drawings

/** Draws the photo in `style`; if another is being drawn, after it. */
export async function drawIn(style) {
  const { original, another: busy, step, faces, person } = state.work;
  if (step === "cutting") return;
  if (busy) {
    changeWork({ next: style });
    return;
  }
  const whose = faces?.length > 1 ? { face: person } : {};
  // At first as on its tile; whoever taps again wants another.
  const isFirst = !state.work.cartoons.some((one) => one.style === style && one.face === person);
  if (isFirst && state.work.tiles?.pictures[style]) whose.seed = TILE_SEED;
  await another({ kind: "another", originalId: original.id, style, ...whose, key: randomName() });
}

/** One more like the one that is shown. */
export const drawAnother = () => drawIn(shownCartoon()?.style ?? state.style);

/** In a style that this photo was not drawn in yet. */
export const drawSurprise = () =>
  drawIn(otherStyle(state.work.cartoons.map(({ style }) => style), state.work.original?.faceCount === 0));

/** Draws another person of the photo. */
export async function drawPerson(person) {
  changeWork({ person });
  await drawAnother();
}

export const shownCartoon = () => state.work.cartoons.find(({ id }) => id === state.work.shown);

export async function another(pending) {
  begin(pending);
  changeWork({ another: pending.style || "any", next: null, step: "choosing" });
  say(t.said.another);
  const { work } = state;
  try {
    const { style, face, seed } = pending;
    const wish = { style: style || undefined, face, seed }; // JSON leaves out what is undefined
    const { cartoon } = await made(`/api/regenerate/${pending.originalId}`, wish, pending, work);
    await shownOnceLoaded(cartoon);
    if (!isAt(work)) return;
    end();
    const cartoons = [...state.work.cartoons.filter(({ id }) => id !== cartoon.id), cartoon];
    const { next } = state.work;
    changeWork({ another: null, job: null, cartoons, shown: cartoon.id });
    say(t.said.anotherReady(cartoons.length));
    if (next !== null) await drawIn(next);
  } catch (problem) {
    if (!isAt(work)) return;
    changeWork({ another: null, job: null, next: null });
    fail(problem);
  }
}

export const show = (cartoonId) => {
  const { face } = state.work.cartoons.find(({ id }) => id === cartoonId);
  changeWork({ shown: cartoonId, person: face ?? 0 });
};

/** The shapes of a cartoon, in a style that has them. */
export async function saveSvg(cartoon) {
  const { work } = state;
  say(t.said.makingSvg);
  try {
    save(await fileAt(`/api/cartoons/${cartoon.id}/svg`), `${cartoon.style}.svg`);
  } catch (problem) {
    if (isAt(work)) fail(problem);
  }
}

// ---- picking one

export async function pick() {
  const { shown, original } = state.work;
  await cut({ kind: "pick", cartoonId: shown, originalId: original.id, key: randomName() });
}

export async function cut(pending) {
  begin(pending);
  changeWork({ step: "cutting", shown: pending.cartoonId });
  say(t.said.cutting);
  const { work } = state;
  try {
    // Transparent: any colour can be put behind it here, also later.
    const { face } = await made(`/api/download/${pending.cartoonId}`, { format: "png" }, pending, work);
    await sizeOf(pictureUrl(face.faceUrl));
    if (!isAt(work)) return;
    end();
    rememberBackground(face.id, null);
    rememberPerson(pending.originalId, state.work.person);
    const ids = { originalId: pending.originalId, faceId: face.id };
    remember("session", ids);
    changeWork({ step: "head", face, job: null, cartoons: [], shown: null });
    if (here() === "photo") goTo("avatar", ids);
    say(t.said.headReady);
  } catch (problem) {
    if (!isAt(work)) return;
    changeWork({ step: "choosing", job: null });
    fail(problem);
  }
}

/** From the head back to its photo. */
export function showDrawings() {
  const { original, face, avatars = [] } = state.work;
  remember("session", { originalId: original.id });
  const others = avatars.filter(({ id }) => id !== face.id);
  changeWork({ step: "choosing", face: null, avatars: [face, ...others] });
}

export async function drawAgain() {
  showDrawings();
  goTo("photo", { originalId: state.work.original.id });
  await drawAnother();
}

// ---- what went wrong, and the ways on (named in messages.js)

export function fail(problem) {
  if (problem.code === "cancelled") return;
  if (problem.code === "job_canceled") {
    end();
    say(t.job.canceled);
    return;
  }
  set({ problem });
}

export const dismissProblem = () => set({ problem: null });

/** The same request again; what it may have done already is not done twice. */
export async function retry() {
  const { job: ended, ...pending } = remembered("pending") ?? {};
  set({ problem: null });
  if (pending.kind === "upload" && sending) await send(pending);
  else if (pending.kind === "another" && state.work) await another(pending);
  else if (pending.kind === "pick" && state.work) await cut(pending);
  else await resume();
}

/** The same wish as a new request. */
export async function tryAnew() {
  const pending = remembered("pending");
  if (pending) remember("pending", { ...pending, key: randomName() });
  if (pending?.kind === "pick" && state.problem?.code === "no_face") await drawAnother();
  else await retry();
}

/** Agrees that photos are sent to who draws the style that was asked for, and asks for it again. */
export async function agree() {
  const { style } = remembered("pending") ?? {};
  try {
    await put(`/api/device/consents/${drawnBy(style).engine}`);
  } catch (problem) {
    fail(problem);
    return;
  }
  await tryAnew();
}

/** As `tryAnew`, in `style`; "" is whatever the service likes. */
export async function tryIn(style) {
  const pending = remembered("pending");
  if (pending) remember("pending", { ...pending, style });
  await tryAnew();
}

/** A style that would do where a face is missing; null where another style would not help. */
export function wayWithoutFace() {
  const pending = remembered("pending");
  return pending?.style && needsFaceIn(pending.style) ? styleWithoutFace() : null;
}

/** Ends what is waited for; it says so itself. */
export async function cancelJob() {
  const { job } = state.work;
  await cancel(job).catch((problem) => {
    if (problem.code !== "job_finished") fail(problem); // its result is on its way
  });
}

// ---- small parts

/** What comes of a POST, however long it takes; meanwhile `work.job` tells how far it is. */
async function made(path, wish, { key, job }, work) {
  const answer = job ? { job } : await patiently(() => post(path, wish, key, PREFER));
  return resultOf(answer, (job) => {
    if (isAt(work)) changeWork({ job });
  });
}

function begin(pending) {
  remember("pending", pending);
  set({ problem: null });
}

export const end = () => remember("pending", null);

async function localPhoto(file) {
  const src = URL.createObjectURL(file);
  const size = await sizeOf(src);
  return { src, fallback: null, ...(size ?? { width: 3, height: 4 }), opens: size !== null };
}

export const photoOf = (original) => ({
  src: pictureUrl(original.imageUrl),
  fallback: pictureUrl(original.thumbnailUrl),
  width: original.width,
  height: original.height,
});

/** Loads the pictures first, so that they do not appear in pieces. */
const shownOnceLoaded = ({ imageUrl, thumbnailUrl }) =>
  Promise.all([imageUrl, thumbnailUrl].map((url) => sizeOf(pictureUrl(url))));

/** Waits while the first sending of the same request is still at work. */
async function patiently(ask) {
  for (let left = 60; ; left -= 1) {
    try {
      return await ask();
    } catch (problem) {
      if (problem.code !== "request_running" || left === 0) throw problem;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }
}
