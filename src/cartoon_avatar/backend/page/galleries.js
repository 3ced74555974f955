// The views "My photos" and "My avatars".

import { get, pictureUrl, remove } from "./api.js";
import { Consents } from "./consents.js";
import { Head } from "./head.js";
import { t, when } from "./language.js";
import { Confirm, Heading, Icon, ProblemCard } from "./parts.js";
import { backgroundOf, say } from "./store.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact-htm.js";
import { deleteEverything, forgetDeleted, openOriginal, startAfresh } from "./visits.js";

const PAGE_SIZE = 24;

export function Photos() {
  return html`
    <${Gallery}
      title=${t.gallery.photos} path="/api/originals" nothing=${t.gallery.noPhotos}
      nameOf=${(item) => t.gallery.photoOf(when(item.createdAt))}
      confirm=${{ title: t.gallery.deletePhoto, text: t.gallery.deletePhotoText }}
      onOpen=${({ id }) => openOriginal(id)}
      onDeleted=${({ id }) => forgetDeleted({ originalId: id })} />
    <${Consents} />`;
}

export function Avatars() {
  const [shown, setShown] = useState(null);
  return html`
    <${Gallery}
      title=${t.gallery.avatars} path="/api/downloaded-faces" nothing=${t.gallery.noAvatars}
      nameOf=${(item) => t.gallery.avatarOf(when(item.createdAt))} transparent=${true}
      confirm=${{ title: t.gallery.deleteAvatar, text: t.gallery.deleteAvatarText }}
      onOpen=${setShown}
      onDeleted=${({ id }) => forgetDeleted({ faceId: id })} />
    ${shown && html`<${AvatarDialog} face=${shown} onClose=${() => setShown(null)} />`}`;
}

function AvatarDialog({ face, onClose }) {
  const dialog = useRef(null);
  useLayoutEffect(() => dialog.current.showModal(), []);
  return html`
    <dialog ref=${dialog} class="viewer" aria-label=${t.gallery.avatar} onClose=${onClose}>
      <button type="button" class="round close" aria-label=${t.gallery.close} onClick=${() => dialog.current.close()}>
        <${Icon} name="close" />
      </button>
      <div class="table">
        <${Head} face=${face} background=${backgroundOf(face.id)} heading=${when(face.createdAt)} />
      </div>
    </dialog>`;
}

function Gallery({ title, path, nothing, nameOf, transparent, confirm, onOpen, onDeleted }) {
  const list = useList(path);
  const [asked, setAsked] = useState(null); // an item, or "everything"
  const [problem, setProblem] = useState(null);

  const deleteAsked = async () => {
    const item = asked;
    setAsked(null);
    setProblem(null);
    try {
      if (item === "everything") {
        await deleteEverything();
        list.reload();
        return;
      }
      await remove(`${path}/${item.id}`).catch((error) => {
        if (error.code !== "not_found") throw error; // gone is gone
      });
      list.drop(({ id }) => id === item.id);
      await onDeleted(item);
      say(t.gallery.deleted);
    } catch (error) {
      error.retry = () => {
        setProblem(null);
        setAsked(item);
      };
      setProblem(error);
    }
  };

  const failed = problem ?? list.problem;
  const ways = {
    retry: [t.ways.retry, problem ? problem.retry : list.more],
    again: [t.ways.retry, problem ? problem.retry : list.more],
    afresh: [t.ways.afresh, async () => { await startAfresh(); list.reload(); }],
  };
  return html`
    <div class="gallery">
      <${Heading}>${title}<//>
      ${failed && html`<${ProblemCard} problem=${failed} ways=${ways} onDismiss=${problem && (() => setProblem(null))} />`}
      ${list.ended && list.items.length === 0 && html`
        <div class="nothing"><p class="lead">${nothing}</p><a class="button main" href="#/">${t.gallery.first}</a></div>`}
      <ul class="grid" aria-label=${title} aria-busy=${list.loading}>
        ${list.items.map((item) => html`
          <li key=${item.id}>
            <button type="button" class=${`thumbnail ${transparent && !backgroundOf(item.id) ? "checker" : ""}`}
              style=${transparent && backgroundOf(item.id) ? { background: backgroundOf(item.id) } : {}}
              aria-label=${t.gallery.open(nameOf(item))} onClick=${() => onOpen(item)}>
              <img src=${pictureUrl(item.thumbnailUrl)} alt="" loading="lazy" width="320" height="320" />
            </button>
            <button type="button" class="round remove" aria-label=${t.gallery.remove(nameOf(item))} onClick=${() => setAsked(item)}>
              <${Icon} name="trash" />
            </button>
          </li>`)}
        ${list.loading && !list.items.length && [1, 2, 3, 4].map((at) => html`<li key=${at} class="ghost" aria-hidden="true"></li>`)}
      </ul>
      <${More} list=${list} />
      ${list.ended && html`
        <p class="quiet">
          <a href="#/recovery">${t.recovery.link}</a>
          ${list.items.length > 0 && html`
            <button type="button" class="link" onClick=${() => setAsked("everything")}>${t.gallery.everything}</button>`}
        </p>`}
      ${asked && html`
        <${Confirm}
          ...${asked === "everything" ? {
            title: t.gallery.everythingTitle,
            text: t.gallery.everythingText,
            label: t.gallery.everythingYes,
          } : { ...confirm, label: t.gallery.delete }}
          onYes=${deleteAsked} onNo=${() => setAsked(null)} />`}
    </div>`;
}

/** The items of a listing, loaded page by page. */
function useList(path) {
  const [list, setList] = useState({ items: [], cursor: null, ended: false, loading: false, problem: null });
  const asking = useRef(false);
  const change = (changes) => setList((before) => ({ ...before, ...changes }));

  const load = async (items, cursor) => {
    if (asking.current) return;
    asking.current = true;
    change({ items, loading: true, problem: null });
    try {
      const query = `limit=${PAGE_SIZE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`;
      const page = await get(`${path}?${query}`);
      const known = new Set(items.map(({ id }) => id));
      const fresh = page.items.filter(({ id }) => !known.has(id));
      change({ items: [...items, ...fresh], cursor: page.nextCursor, ended: page.nextCursor === null, loading: false });
    } catch (problem) {
      // A cursor the service no longer knows: from the top.
      change({ loading: false, problem, ...(problem.code === "invalid_cursor" ? { items: [], cursor: null } : {}) });
    }
    asking.current = false;
  };

  useEffect(() => {
    load([], null);
  }, [path]);

  return {
    ...list,
    more: () => load(list.items, list.cursor),
    reload: () => load([], null),
    drop: (isGone) => setList((before) => ({ ...before, items: before.items.filter((item) => !isGone(item)) })),
  };
}

/** Loads the next page when it comes near; a button too, for whoever has no scrolling. */
function More({ list }) {
  const button = useRef(null);
  const { more } = list;
  useEffect(() => {
    if (list.ended || list.loading || list.problem || !button.current) return undefined;
    const watching = new IntersectionObserver(
      ([seen]) => seen.isIntersecting && more(),
      { rootMargin: "600px" },
    );
    watching.observe(button.current);
    return () => watching.disconnect();
  }, [list.ended, list.loading, list.problem, list.cursor, list.items.length]);
  if (list.ended || list.problem || !list.items.length) return null;
  return html`<button ref=${button} type="button" class="more" disabled=${list.loading} onClick=${more}>${t.gallery.more}</button>`;
}
