// Coming back to a photo: after a reload, from a gallery, with the browser's Back; and going for good.

import { forgetIdentity, get, isKnown, randomName, remove } from "./api.js";
import { underWay } from "./jobs.js";
import { t } from "./language.js";
import { goTo, here, inStudio, noted, settle } from "./place.js";
import {
  another, changeWork, clear, cut, end, fail, followUpload, isAt, isSending, photoOf, sendAgain, showDrawings,
} from "./session.js";
import { keptPhoto, personOf, remember, remembered, say, set, state } from "./store.js";

export async function openOriginal(originalId) {
  await clear();
  goTo("photo", { originalId });
  remember("session", { originalId });
  await resume();
}

/** Shows what belongs to a place of the studio that was come to by a link, Back or Forward. */
export async function followTo(place) {
  const { originalId, faceId } = noted();
  const { work } = state;
  if (place === "") {
    if (work) await clear();
    return;
  }
  const isHere = work && (!originalId || !work.original || work.original.id === originalId);
  if (place === "photo" && isHere) {
    if (work.step === "head") showDrawings();
    return;
  }
  if (place === "avatar" && isHere && work.step === "head") return;
  if (!originalId) {
    settle(work ? "photo" : "");
    return;
  }
  if (!isHere) await clear();
  remember("session", place === "avatar" ? { originalId, faceId } : { originalId });
  await resume();
}

/** Takes up what a reload, a closed tab or a lost line interrupted. */
export async function resume() {
  set({ problem: null, resuming: true });
  await takeUp().finally(() => set({ resuming: false }));
  if (!state.work && !state.problem && ["photo", "avatar"].includes(here())) settle("");
}

async function takeUp() {
  let pending = remembered("pending");
  // The address knows which photo this tab shows; another tab may have opened another since.
  const session = here() && inStudio() && noted().originalId ? noted() : remembered("session");
  if (pending?.kind === "upload") {
    if (await sendAgain(pending, keptPhoto)) return;
    pending = null;
  }
  const before = state.work;
  const isElsewhere = () => state.work !== before || isSending(); // another photo was dropped meanwhile
  if (!pending && isKnown()) {
    const job = await jobFor(session?.originalId);
    if (isElsewhere()) return;
    if (job?.kind === "upload") {
      await followUpload(job);
      return;
    }
    pending = job && pendingOf(job);
  }
  // A request belongs to its own photo.
  const originalId = pending?.originalId ?? session?.originalId;
  if (!originalId) return;
  try {
    const { original, cartoons, faces } = await get(`/api/originals/${originalId}`);
    const avatars = cartoons.length ? [] : await avatarsOf(originalId);
    const face = (!pending && avatars.find(({ id }) => id === session?.faceId)) || null;
    if (isElsewhere()) return;
    const last = cartoons.at(-1);
    const step = face ? "head" : "choosing";
    set({
      work: {
        step, photo: photoOf(original), original, cartoons, faces, face, avatars,
        shown: last?.id ?? null, person: last ? last.face ?? 0 : personOf(originalId),
      },
    });
    if (inStudio()) {
      const [place, ids] = face ? ["avatar", { originalId, faceId: face.id }] : ["photo", { originalId }];
      if (here() === "") goTo(place, ids);
      else settle(place, ids);
    }
  } catch (problem) {
    if (isElsewhere()) return;
    if (problem.code === "not_found") await clear();
    else fail(problem);
    return;
  }
  if (pending?.kind === "another") await another(pending);
  else if (pending?.kind === "pick") await cut(pending);
}

/** What is under way for the photo at hand, or for any where there is none at hand. */
async function jobFor(originalId) {
  // Whatever is wrong shows with what is asked next.
  const jobs = await underWay().catch(() => []);
  return jobs.find((job) => !originalId || job.originalId === originalId) ?? null;
}

const pendingOf = (job) => ({
  kind: job.kind === "download" ? "pick" : "another",
  originalId: job.originalId, cartoonId: job.cartoonId, style: job.style, key: randomName(), job,
});

/** The heads of a photo, as far as they are among the newest. */
async function avatarsOf(originalId) {
  const { items } = await get("/api/downloaded-faces?limit=100");
  return items.filter((face) => face.originalId === originalId);
}

export async function openAvatar(face) {
  const ids = { originalId: face.originalId, faceId: face.id };
  remember("session", ids);
  changeWork({ step: "head", face });
  goTo("avatar", ids);
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
  await clear();
  forgetIdentity();
  remember("backgrounds", null);
  remember("people", null);
  if (inStudio()) settle("");
}

export async function deleteEverything() {
  await remove("/api/device");
  await startAfresh();
  say(t.gallery.everythingGone);
}

/** A photo or avatar was deleted in a gallery: the studio must not show it any more. */
export async function forgetDeleted({ originalId, faceId }) {
  const session = remembered("session");
  const gone = (originalId && session?.originalId === originalId)
    || (faceId && session?.faceId === faceId);
  if (gone) await clear();
}
