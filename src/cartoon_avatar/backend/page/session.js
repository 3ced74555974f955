// What a person does with one photo: send it, ask for drawings, pick one.
//
// state.work is null, or
//   step      "sending" | "drawing" | "choosing" | "cutting" | "head"
//   photo     {src, fallback, width, height, opens}; not every browser opens every kind (HEIC)
//   progress  share sent, 0 to 1, while sending
//   original, cartoons, shown (a cartoon's id), another (one more is being drawn), face
//
// A request under way is kept as "pending" with its Idempotency-Key, so that after a lost line
// or a reload the very same request goes out again and nothing is done twice.

import { Problem, fileAt, forgetIdentity, get, pictureUrl, post, randomName, remove, upload } from "./api.js";
import { MAX_BYTES, fitting, save, sizeOf } from "./pictures.js";
import {
  dropPhoto, keepPhoto, keptPhoto, remember, rememberBackground, remembered, say, set, state,
} from "./store.js";

const ASK_AGAIN_MS = 2000;
const STYLES_AGAIN_MS = 4000;

// {photo, abort} of the photo on its way, until its cartoon is shown. Whoever waited looks whether it
// is still theirs: another photo may have been chosen meanwhile.
let sending = null;

const changeWork = (changes) => set({ work: { ...state.work, ...changes } });

// ---- a new photo

export async function startPhoto(file, maxBytes = MAX_BYTES) {
  await leave();
  const mine = (sending = { photo: file, abort: new AbortController() });
  const photo = await localPhoto(file);
  if (mine !== sending) return;
  set({ work: { step: "sending", photo, progress: 0, cartoons: [] }, problem: null });
  if (!file.size || (file.type && !file.type.startsWith("image/"))) {
    fail(new Problem({ code: "invalid_image" }));
    return;
  }
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

async function send(pending) {
  const mine = sending;
  mine.abort = new AbortController();
  begin(pending);
  changeWork({ step: "sending", progress: 0 });
  say("Sending your photo.");
  const onProgress = (progress) => {
    if (mine !== sending) return;
    const drawing = progress >= 1;
    if (drawing && state.work.step === "sending") say("Drawing your cartoon.");
    changeWork({ progress, step: drawing ? "drawing" : "sending" });
  };
  const options = { onProgress, signal: mine.abort.signal };
  let created;
  try {
    created = await patiently(() => upload(mine.photo, pending.style, pending.key, options));
  } catch (problem) {
    if (mine === sending) fail(problem);
    return;
  }
  if (mine !== sending) return;
  remember("session", { originalId: created.original.id });
  end();
  dropPhoto();
  await shownOnceLoaded(created.cartoon);
  if (mine !== sending) return;
  sending = null;
  // The picture on the screen stays the very one that was chosen.
  const photo = { ...photoOf(created.original), ...(state.work.photo.opens ? state.work.photo : {}) };
  const cartoons = [created.cartoon];
  changeWork({
    step: "choosing", photo, original: created.original, cartoons, shown: created.cartoon.id,
  });
  say("Your cartoon is ready.");
}

export function cancelSending() {
  sending?.abort.abort();
  leave();
}

/** Sends a smaller copy of the photo that was too large. */
export const startSmaller = () => startPhoto(sending.photo, Math.min(MAX_BYTES, sending.photo.size) / 3);

// ---- more drawings

export async function drawAnother() {
  const { original } = state.work;
  await another({ kind: "another", originalId: original.id, style: state.style, key: randomName() });
}

async function another(pending) {
  begin(pending);
  changeWork({ another: true, step: "choosing" });
  say("Drawing another one.");
  const { work } = state;
  try {
    const wish = pending.style ? { style: pending.style } : {};
    const path = `/api/regenerate/${pending.originalId}`;
    const { cartoon } = await patiently(() => post(path, wish, pending.key));
    await shownOnceLoaded(cartoon);
    if (!isAt(work)) return;
    end();
    const cartoons = [...state.work.cartoons.filter(({ id }) => id !== cartoon.id), cartoon];
    changeWork({ another: false, cartoons, shown: cartoon.id });
    say(`Drawing ${cartoons.length} is ready.`);
  } catch (problem) {
    if (!isAt(work)) return;
    changeWork({ another: false });
    fail(problem);
  }
}

export const show = (cartoonId) => changeWork({ shown: cartoonId });

/** The shapes of a cartoon, in a style that has them. */
export async function saveSvg(cartoon) {
  const { work } = state;
  say("Making the SVG.");
  try {
    save(await fileAt(`/api/cartoons/${cartoon.id}/svg`), `${cartoon.style}.svg`);
  } catch (problem) {
    if (isAt(work)) fail(problem);
  }
}

// ---- picking one

/** `background` is the colour put behind the head here; null leaves it transparent. */
export async function pick(background) {
  const { shown, original } = state.work;
  const key = randomName();
  await cut({ kind: "pick", cartoonId: shown, originalId: original.id, background, key });
}

async function cut(pending) {
  begin(pending);
  changeWork({ step: "cutting", shown: pending.cartoonId });
  say("Cutting out the head.");
  const { work } = state;
  try {
    // Transparent: any colour can be put behind it here, also later.
    const path = `/api/download/${pending.cartoonId}`;
    const { face } = await patiently(() => post(path, { format: "png" }, pending.key));
    await sizeOf(pictureUrl(face.faceUrl));
    if (!isAt(work)) return;
    end();
    rememberBackground(face.id, pending.background);
    remember("session", { originalId: pending.originalId, faceId: face.id });
    changeWork({ step: "head", face, cartoons: [], shown: null });
    say("Your avatar is ready.");
  } catch (problem) {
    if (!isAt(work)) return;
    changeWork({ step: "choosing" });
    fail(problem);
  }
}

/** From the head back to its photo, for new drawings. */
export async function drawAgain() {
  remember("session", { originalId: state.work.original.id });
  changeWork({ step: "choosing", face: null });
  await drawAnother();
}

// ---- leaving and coming back

/** Puts the photo at hand away; what is stored stays stored. */
export async function leave() {
  sending?.abort.abort();
  sending = null;
  end();
  remember("session", null);
  set({ work: null, problem: null });
  await dropPhoto();
}

export async function openOriginal(originalId) {
  await leave();
  remember("session", { originalId });
  await resume();
}

/** Takes up what a reload, a closed tab or a lost line interrupted. */
export async function resume() {
  set({ problem: null, resuming: true });
  await takeUp().finally(() => set({ resuming: false }));
}

async function takeUp() {
  const pending = remembered("pending");
  const session = remembered("session");
  if (pending?.kind === "upload") {
    const mine = (sending = { photo: null, abort: new AbortController() });
    mine.photo = await keptPhoto();
    const photo = mine.photo && (await localPhoto(mine.photo));
    if (mine !== sending) return;
    if (photo === null) {
      await leave();
      return;
    }
    set({ work: { step: "sending", photo, progress: 0, cartoons: [] }, resuming: false });
    await send(pending);
    return;
  }
  // Another tab may have opened another photo since; the request belongs to its own.
  const originalId = pending?.originalId ?? session?.originalId;
  if (!originalId) return;
  const isElsewhere = () => state.work || sending; // another photo was dropped meanwhile
  try {
    const { original, cartoons } = await get(`/api/originals/${originalId}`);
    const face = session?.faceId && !pending ? await faceOf(session.faceId) : null;
    if (isElsewhere()) return;
    const shown = cartoons.at(-1)?.id ?? null;
    const step = face ? "head" : "choosing";
    set({ work: { step, photo: photoOf(original), original, cartoons, shown, face } });
  } catch (problem) {
    if (isElsewhere()) return;
    if (problem.code === "not_found") await leave();
    else fail(problem);
    return;
  }
  if (pending?.kind === "another") await another(pending);
  else if (pending?.kind === "pick") await cut(pending);
}

async function faceOf(faceId) {
  const { items } = await get("/api/downloaded-faces?limit=100");
  return items.find(({ id }) => id === faceId) ?? null;
}

// ---- what went wrong, and the ways on (named in messages.js)

function fail(problem) {
  if (problem.code === "cancelled") return;
  set({ problem });
}

export const dismissProblem = () => set({ problem: null });

/** The same request again; what it may have done already is not done twice. */
export async function retry() {
  const pending = remembered("pending");
  set({ problem: null });
  if (pending?.kind === "upload" && sending) await send(pending);
  else if (pending?.kind === "another" && state.work) await another(pending);
  else if (pending?.kind === "pick" && state.work) await cut(pending);
  else await resume();
}

/** The same wish as a new request. */
export async function tryAnew() {
  const pending = remembered("pending");
  if (pending) remember("pending", { ...pending, key: randomName() });
  if (pending?.kind === "pick" && state.problem?.code === "no_face") await drawAnother();
  else await retry();
}

/** As `tryAnew`, in whatever style the service likes. */
export async function tryAnyStyle() {
  const pending = remembered("pending");
  set({ style: "" });
  remember("style", "");
  loadStyles();
  if (pending) remember("pending", { ...pending, style: "" });
  await tryAnew();
}

export async function reloadSession() {
  end();
  await resume();
}

/** Fresh addresses for pictures whose old ones ran out; drawings that expired go. */
export async function refresh() {
  const { work } = state;
  try {
    const { original, cartoons } = await get(`/api/originals/${work.original.id}`);
    if (!isAt(work)) return;
    const { shown } = state.work;
    const there = cartoons.some(({ id }) => id === shown);
    changeWork({ original, cartoons, shown: there ? shown : cartoons.at(-1)?.id ?? null });
  } catch {
    // Whatever is done next says what is wrong.
  }
}

/** Forgets who this browser was: for a lost key, and after everything was deleted. */
export async function startAfresh() {
  await leave();
  forgetIdentity();
  remember("backgrounds", null);
}

export async function deleteEverything() {
  await remove("/api/device");
  await startAfresh();
  say("Everything of yours was deleted.");
}

/** A photo or avatar was deleted in a gallery: the studio must not show it any more. */
export async function forgetDeleted({ originalId, faceId }) {
  const session = remembered("session");
  const gone = (originalId && session?.originalId === originalId)
    || (faceId && session?.faceId === faceId);
  if (gone) await leave();
}

// ---- styles

export async function loadStyles(again_ms = STYLES_AGAIN_MS) {
  try {
    const { items } = await get("/api/styles");
    const style = items.some(({ name }) => name === remembered("style")) ? remembered("style") : "";
    set({ styles: items, style });
  } catch {
    // A page without styles still draws.
    setTimeout(loadStyles, again_ms, Math.min(again_ms * 2, 60_000));
  }
}

export function chooseStyle(name) {
  remember("style", name);
  set({ style: name });
}

// ---- small parts

function begin(pending) {
  remember("pending", pending);
  set({ problem: null });
}

const end = () => remember("pending", null);

const isAt = (work) => state.work?.original?.id === work.original.id;

async function localPhoto(file) {
  const src = URL.createObjectURL(file);
  const size = await sizeOf(src);
  return { src, fallback: null, ...(size ?? { width: 3, height: 4 }), opens: size !== null };
}

const photoOf = (original) => ({
  src: pictureUrl(original.imageUrl),
  fallback: pictureUrl(original.thumbnailUrl),
  width: original.width,
  height: original.height,
});

/** Loads the picture first, so that it does not appear in pieces. */
const shownOnceLoaded = (cartoon) => sizeOf(pictureUrl(cartoon.imageUrl));

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
