// Where a person is: "" (the start), "photo", "avatar", "photos" or "avatars", in the address, so
// that the browser's Back goes a step back. Beside it in the history: whose photo, which head.

const STUDIO = ["", "photo", "avatar"];

export const here = () => location.hash.replace(/^#\/?/, "");
export const inStudio = () => STUDIO.includes(here());
/** {originalId, faceId} of the step, as far as they were known when it was taken. */
export const noted = () => history.state ?? {};

/** The recovery code that a scanned address carries. */
export const codeHere = () => here().match(/^recovery\/(.+)$/)?.[1] ?? "";

/** A step on. Nothing is reported: whoever goes says what is shown. */
export function goTo(place, ids = {}) {
  const same = here() === place && noted().originalId === ids.originalId && noted().faceId === ids.faceId;
  if (!same) history.pushState(ids, "", `#/${place}`);
  window.dispatchEvent(new Event("placechange"));
}

/** No step: the one that was taken turns out to lead here. */
export function settle(place, ids = {}) {
  history.replaceState(ids, "", `#/${place}`);
  window.dispatchEvent(new Event("placechange"));
}
