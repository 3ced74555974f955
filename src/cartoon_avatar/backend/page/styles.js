// The styles: which there are, which one was chosen, and the tiles to tap.

import { get } from "./api.js";
import { styleSentence, styleTitle, t } from "./language.js";
import { remember, remembered, set, state } from "./store.js";
import { html, useEffect, useRef } from "./vendor/preact-htm.js";

const AGAIN_MS = 4000;
// What a first visitor sees, and gets: the style that people keep most often.
const FIRST = "painted";

export async function loadStyles(again_ms = AGAIN_MS) {
  try {
    const { items, stickers } = await get("/api/styles");
    const there = (name) => items.some((style) => style.name === name);
    set({ styles: items, stickers, style: [remembered("style"), FIRST].find(there) ?? "" });
  } catch {
    // A page without styles still draws.
    setTimeout(loadStyles, again_ms, Math.min(again_ms * 2, 60_000));
  }
}

export function chooseStyle(name) {
  remember("style", name);
  set({ style: name });
}

const styleNamed = (name) => state.styles?.find((style) => style.name === name);
export const titleOf = (name) => (styleNamed(name) ? styleTitle(styleNamed(name)) : name);
export const sentenceOf = (name) => (styleNamed(name) ? styleSentence(styleNamed(name)) : "");
/** Who draws it elsewhere, where somebody does: the engine, and the host that photos are sent to. */
export const drawnBy = (name) => {
  const { engine = "", sentTo = "" } = styleNamed(name) ?? {};
  return { engine, sentTo: sentTo || engine };
};
export const hasSvg = (name) => Boolean(styleNamed(name)?.svg);
export const needsFaceIn = (name) => Boolean(styleNamed(name)?.needsFace);
export const stylesWithoutFace = () => (state.styles ?? []).filter(({ needsFace }) => !needsFace);
export const styleWithoutFace = () => stylesWithoutFace()[0]?.name ?? "";

/** Any style of ours but those in `seen`, or, where all were seen, but the last of them. */
export function otherStyle(seen, faceless = false) {
  const here = (faceless ? stylesWithoutFace() : state.styles ?? []).filter(({ leavesMachine }) => !leavesMachine);
  const all = here.map(({ name }) => name);
  const unseen = all.filter((name) => !seen.includes(name));
  const others = unseen.length ? unseen : all.filter((name) => name !== seen.at(-1));
  return others[Math.floor(Math.random() * others.length)] ?? "";
}

/** `current` is marked; `pictures` are by style, where there are better ones than the service's. */
export function StyleTiles({ styles, current, waiting, pictures = {}, onChoose, onSurprise, children }) {
  const isOwn = Object.keys(pictures).length > 0;
  const row = useRef(null);
  // Rows of one length: a tile alone in its row looks forgotten.
  const tiles = (styles?.length ?? 0) + 1;
  const inRows = (rows) => Math.ceil(tiles / rows);
  const columns = styles ? { "--two-rows": inRows(2), "--wide": inRows(Math.ceil(tiles / 16)) } : {};
  useEffect(() => {
    const tile = row.current.querySelector("[aria-current]");
    if (tile) row.current.scrollTo({ left: tile.offsetLeft + tile.offsetWidth / 2 - row.current.clientWidth / 2 });
  }, [current, styles === null]);
  return html`
    <fieldset class="styles" aria-busy=${state.styles === null}>
      <legend>${t.style.title}</legend>
      <div ref=${row} class="choices" style=${columns}>
        <button type="button" class="choice" onClick=${onSurprise}>
          <span class="swatch dice" aria-hidden="true"></span>
          <span class="name">${t.style.surprise}</span>
        </button>
        ${(styles ?? []).map((style) => html`
          <button key=${style.name} type="button" class=${`choice ${waiting === style.name ? "waiting" : ""}`}
            aria-current=${style.name === current ? "true" : undefined} onClick=${() => onChoose(style.name)}>
            ${pictures[style.name] ?? style.preview
              ? html`<img class=${isOwn && !pictures[style.name] ? "somebody" : ""} src=${pictures[style.name] ?? style.preview} alt="" width="72" height="72" />`
              : html`<span class="swatch letter" aria-hidden="true">${styleTitle(style).slice(0, 1)}</span>`}
            <span class="name">${styleTitle(style)}</span>
          </button>`)}
      </div>
      ${children}
    </fieldset>`;
}
