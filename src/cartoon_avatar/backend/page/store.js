// What the page shows, and what it remembers over a reload.

export const state = {
  styles: null, // of /api/styles; null while unknown
  stickers: true, // heads can be had as stickers; /api/styles says where they cannot
  style: "", // the name of the chosen one; "" lets the service choose
  begun: false, // a heading has been shown; before, nobody can have lost the focus
  work: null, // the photo at hand, see session.js
  resuming: false, // work of before a reload is being fetched
  problem: null, // what went wrong with it, and how to go on
  said: "", // read out by screen readers
};

const listeners = new Set();

export function set(changes) {
  Object.assign(state, changes);
  for (const listener of listeners) listener();
}

/** Calls `listener` after every change; returns what ends that. */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function say(text) {
  // A space more or less makes a repeated sentence a new one to a screen reader.
  set({ said: state.said === text ? `${text} ` : text });
}

// localStorage throws where a browser blocks it; then things last as long as the page.
const inMemory = new Map();

export function remembered(name) {
  try {
    return JSON.parse(localStorage.getItem(`cartoon-avatar.${name}`));
  } catch {
    return inMemory.get(name) ?? null;
  }
}

export function remember(name, value) {
  inMemory.set(name, value);
  try {
    if (value === null) localStorage.removeItem(`cartoon-avatar.${name}`);
    else localStorage.setItem(`cartoon-avatar.${name}`, JSON.stringify(value));
  } catch {
    // Kept in memory above.
  }
}

// Faces are kept transparent; which colour a person put behind one is this browser's to know.
export const backgroundOf = (faceId) => remembered("backgrounds")?.[faceId] ?? null;
export const rememberBackground = (faceId, colour) => rememberOf("backgrounds", faceId, colour);

// Whose head was cut out of a photo: picking clears the drawings away, which knew it.
export const personOf = (originalId) => remembered("people")?.[originalId] ?? 0;
export const rememberPerson = (originalId, person) => rememberOf("people", originalId, person);

const MOST_REMEMBERED = 300;

/** `value` of one of many, the newest of which are kept; 0 and null need no keeping. */
function rememberOf(name, id, value) {
  const { [id]: _, ...others } = remembered(name) ?? {};
  const kept = Object.entries(others).slice(-MOST_REMEMBERED);
  remember(name, Object.fromEntries(value ? [...kept, [id, value]] : kept));
}

// The photo being sent is too large for localStorage.
function photoStore(mode, work) {
  return new Promise((resolve) => {
    const opening = indexedDB.open("cartoon-avatar", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("photos");
    opening.onerror = () => resolve(null);
    opening.onsuccess = () => {
      const transaction = opening.result.transaction("photos", mode);
      const request = work(transaction.objectStore("photos"));
      transaction.oncomplete = () => resolve(request.result ?? null);
      transaction.onabort = () => resolve(null);
      opening.result.close(); // once the transaction has ended; open, it would bar a deletion
    };
  }).catch(() => null); // no IndexedDB: a reload in the middle starts over
}

export const keepPhoto = (blob) => photoStore("readwrite", (photos) => photos.put(blob, "sending"));
export const keptPhoto = () => photoStore("readonly", (photos) => photos.get("sending"));
export const dropPhoto = () => photoStore("readwrite", (photos) => photos.delete("sending"));
