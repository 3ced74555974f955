// The view "Draw": from choosing a photo to the head on a checkerboard.

import { pictureUrl } from "./api.js";
import { BackgroundChooser, Head } from "./head.js";
import { Heading, Icon, ProblemCard, soon } from "./parts.js";
import {
  cancelSending, chooseStyle, dismissProblem, drawAgain, drawAnother, leave, pick, refresh,
  reloadSession, retry, saveSvg, show, startAfresh, startPhoto, startSmaller, tryAnew, tryAnyStyle,
} from "./session.js";
import { backgroundOf, state } from "./store.js";
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";

export function Studio() {
  const { work, problem } = state;
  const top = work?.step === "sending" || work?.step === "head";
  useEffect(() => {
    if (top) scrollTo(0, 0); // what is new is above, on a phone
  }, [top, work?.face?.id]);
  if (!work && state.resuming) return html`<div class="table" aria-busy="true"></div>`;
  if (!work) return html`<${Start} problem=${problem} />`;
  if (work.step === "head") return html`<${Finished} work=${work} problem=${problem} />`;
  return html`<${Table} work=${work} problem=${problem} />`;
}

function StudioProblem({ problem, onDismiss }) {
  const file = useRef(null);
  const goTo = (hash) => () => { location.hash = hash; };
  const ways = {
    retry: ["Try again", retry],
    again: [problem.code === "no_face" ? "Draw another one" : "Try again", tryAnew],
    anystyle: ["Draw in any style", tryAnyStyle],
    smaller: ["Make it smaller and send", startSmaller],
    choose: ["Choose another photo", () => file.current.click()],
    session: ["Show what is there", reloadSession],
    photos: ["My photos", goTo("#/photos")],
    avatars: ["My avatars", goTo("#/avatars")],
    afresh: ["Start afresh", startAfresh],
  };
  return html`
    <${ProblemCard} problem=${problem} ways=${ways} onDismiss=${onDismiss} />
    <${PhotoInput} input=${file} />`;
}

// ---- nothing yet

function Start({ problem }) {
  const file = useRef(null);
  const camera = useRef(null);
  return html`
    <div class="start">
      <${Heading}>Turn a portrait into a cartoon<//>
      <p class="lead">Have it drawn as often as you like. Keep the head you like best.</p>
      ${problem && html`<${StudioProblem} problem=${problem} />`}
      <div class="drop" onClick=${(event) => event.target === event.currentTarget && file.current.click()}>
        <${Sketch} />
        <div class="row centred">
          <button type="button" class="main" onClick=${() => file.current.click()}>
            <${Icon} name="image" />Choose a photo
          </button>
          <button type="button" class="camera" onClick=${() => camera.current.click()}>
            <${Icon} name="camera" />Take a photo
          </button>
        </div>
        <p class="hint fine">or drop one anywhere, or paste it</p>
      </div>
      <${PhotoInput} input=${file} />
      <${PhotoInput} input=${camera} capture="user" />
      <${StyleChooser} />
    </div>`;
}

function PhotoInput({ input, capture }) {
  const take = (event) => {
    const [photo] = event.target.files;
    event.target.value = ""; // the same file may be chosen again
    if (photo) startPhoto(photo);
  };
  return html`
    <input ref=${input} hidden type="file" accept="image/*" capture=${capture} onChange=${take} />`;
}

/** A pen that draws a head, over and over. */
const Sketch = ({ live }) => html`
  <svg class=${live ? "sketch live" : "sketch"} viewBox="0 0 120 120" aria-hidden="true">
    <path pathLength="1" d="M38 62C33 38 44 22 61 22c18 0 28 14 24 39-2 15-11 29-24 29-12 0-20-13-23-28Z" />
    <path pathLength="1" d="M37 52c6-4 9-11 11-18 8 8 24 11 37 10M36 55C29 30 42 14 62 14s33 14 26 40" />
    <path pathLength="1" d="M50 56v4M73 56v4M61 60c-1 5-3 8-1 9l4 .500M53 76c6 4 12 4 17 0" />
    <path pathLength="1" d="M50 87c0 8-1 10-8 13-8 3-13 5-16 10M73 87c0 8 1 10 8 13 8 3 13 5 16 10" />
  </svg>`;

// ---- the photo at hand

function Table({ work, problem }) {
  const { step, cartoons, shown, original } = work;
  const cartoon = cartoons.find(({ id }) => id === shown);
  const way = step === "sending" || step === "drawing";
  const busy = way || step === "cutting" || work.another;
  const [background, setBackground] = useState(null);
  return html`
    <div class="table">
      <div class="stage">
        <${Frame} work=${work} cartoon=${cartoon} failed=${problem !== null} />
      </div>
      <div class="panel">
        ${way ? html`<${OnTheWay} work=${work} problem=${problem} />` : html`
          <${Heading}>${headingOf(work)}<//>
          ${problem && html`<${StudioProblem} problem=${problem} onDismiss=${dismissProblem} />`}
          <${Strip} work=${work} />
          <div class="row stretch">
            <button type="button" class=${cartoon ? "" : "main"} aria-disabled=${busy} onClick=${unless(busy, drawAnother)}>
              <${Icon} name="again" />${cartoons.length ? "Another one" : "Draw it"}
            </button>
            ${cartoon && html`
              <button type="button" class="main" aria-disabled=${busy} onClick=${unless(busy, () => pick(background))}>
                <${Icon} name="scissors" />Use this one
              </button>`}
          </div>
          <${StyleChooser} />
          ${cartoon && html`<${BackgroundChooser} value=${background} onChange=${setBackground} />`}
          <p class="fine">
            ${cartoon && `Drawn in ${titleOf(cartoon.style)}, kept until ${soon(cartoon.expiresAt)}. `}
            ${hasSvg(cartoon) && html`<button type="button" class="link" onClick=${unless(busy, () => saveSvg(cartoon))}>Save as SVG</button>. `}
            ${cartoon && cartoons.length > 1 && "Picking one clears away the others. "}
            ${original && html`<button type="button" class="link" onClick=${leave}>Start with another photo</button>`}
          </p>`}
      </div>
    </div>`;
}

// Not `disabled`: that would take the focus from whoever pressed the button.
const unless = (busy, act) => () => { if (!busy) act(); };

function headingOf({ step, another, cartoons }) {
  if (step === "cutting") return "Cutting out the head…";
  if (another) return "Drawing another one…";
  if (!cartoons.length) return "No drawings right now";
  return cartoons.length === 1 ? "Your cartoon" : "Which one is it?";
}

const hasSvg = (cartoon) => Boolean(state.styles?.find(({ name }) => name === cartoon?.style)?.svg);
const titleOf = (name) => state.styles?.find((style) => style.name === name)?.title ?? name;

function OnTheWay({ work, problem }) {
  const sending = work.step === "sending";
  const percent = Math.round(work.progress * 100);
  if (problem) {
    return html`
      <${Heading}>Not drawn yet<//>
      <${StudioProblem} problem=${problem} />
      <p class="fine"><button type="button" class="link" onClick=${leave}>Put this photo away</button></p>`;
  }
  return html`
    <${Heading}>${sending ? "Sending your photo…" : "Drawing your cartoon…"}<//>
    <p class="lead">${sending
      ? "Large photos take a moment on a slow line."
      : "A few seconds. Every line is drawn for this one."}</p>
    <div class="progress" data-done=${!sending}>
      <progress max="100" value=${percent} aria-label="Sent">${percent} %</progress>
      <div class="row spread">
        <span class="fine">${percent} % sent</span>
        <button type="button" class="link" onClick=${cancelSending}>Cancel</button>
      </div>
    </div>`;
}

/** Where a photo lies in a frame that shows only `crop` of it. */
const croppedTo = (crop, photo) => ({
  left: `${(-100 * crop.left) / crop.width}%`,
  top: `${(-100 * crop.top) / crop.height}%`,
  width: `${(100 * photo.width) / crop.width}%`,
  height: `${(100 * photo.height) / crop.height}%`,
});

/** The photo, and the cartoon over it behind a line that can be moved. */
function Frame({ work, cartoon, failed }) {
  const { photo, step } = work;
  const [at, setAt] = useState(50);
  const first = photo.opens === false ? null : photo.src;
  const [source, setSource] = useState(first);
  useEffect(() => setSource(first), [first]);
  const drawing = !failed && (step === "sending" || step === "drawing");
  const fallBack = () => {
    // HEIC opens in few browsers; the thumbnail opens in all.
    setSource(photo.fallback && source !== photo.fallback ? photo.fallback : null);
  };
  const crop = cartoon?.crop;
  // The frame is square from the start, as portraits are: nothing moves when the cartoon comes. A
  // cartoon of all of an oblong photo lies in it with room beside it.
  const oblong = crop && Math.abs(crop.width / crop.height - 1) > 0.01;
  const kind = [drawing && "waiting", step === "cutting" && "cutting", oblong && "oblong"].filter(Boolean).join(" ");
  return html`
    <div class=${`frame ${kind}`} style=${{ "--at": `${at}%` }}>
      ${source && html`<img class="photo" src=${source} alt="Your photo" style=${crop && croppedTo(crop, work.original)} onError=${fallBack} />`}
      ${drawing && html`<div class="veil"><${Sketch} live=${step === "drawing"} /></div>`}
      ${cartoon && html`
        <img class="cartoon" src=${pictureUrl(cartoon.imageUrl)} alt=${`Cartoon in the style ${titleOf(cartoon.style)}`}
          onError=${refresh} />
        <span class="label left" hidden=${at < 18}>Photo</span>
        <span class="label right" hidden=${at > 78}>Cartoon</span>
        <span class="line" aria-hidden="true"><span class="grip"></span></span>
        <input class="compare" type="range" min="0" max="100" value=${at} aria-label="Compare photo and cartoon"
          aria-valuetext=${`${100 - at} % cartoon`} onInput=${(event) => setAt(Number(event.target.value))} />`}
    </div>`;
}

function Strip({ work }) {
  const { cartoons, shown, another, photo } = work;
  const { width, height } = cartoons.at(-1) ?? photo;
  const ratio = width / height;
  const strip = useRef(null);
  useEffect(() => strip.current?.scrollTo({ left: strip.current.scrollWidth }), [cartoons.length, another]);
  if (!cartoons.length && !another) {
    return html`<p class="lead">Drawings are kept for a day. The photo is here to be drawn again.</p>`;
  }
  return html`
    <fieldset ref=${strip} class="strip" style=${{ "--ratio": ratio }}>
      <legend class="unseen">Drawings of this photo</legend>
      ${cartoons.map((cartoon, at) => html`
        <label key=${cartoon.id} class="tile">
          <input type="radio" name="cartoon" checked=${cartoon.id === shown} onChange=${() => show(cartoon.id)} />
          <img src=${pictureUrl(cartoon.imageUrl)} alt=${`Drawing ${at + 1}, ${titleOf(cartoon.style)}`} />
        </label>`)}
      ${another && html`<span class="tile pending" aria-hidden="true"><${Sketch} live=${true} /></span>`}
    </fieldset>`;
}

function StyleChooser() {
  const { styles, style } = state;
  const all = [{ name: "", title: "Surprise me", preview: null, description: "Every drawing in another style." }, ...(styles ?? [])];
  const chosen = all.find(({ name }) => name === style) ?? all[0];
  return html`
    <fieldset class="styles" aria-busy=${styles === null}>
      <legend>Style</legend>
      <div class="choices">
        ${all.map(({ name, title, preview }) => html`
          <label key=${name} class="choice">
            <input type="radio" name="style" checked=${name === style} onChange=${() => chooseStyle(name)} />
            ${preview
              ? html`<img src=${preview} alt="" width="72" height="72" />`
              : html`<span class=${name ? "swatch letter" : "swatch dice"} aria-hidden="true">${name && title.slice(0, 1)}</span>`}
            <span class="name">${title}</span>
          </label>`)}
      </div>
      <p class="fine about">${chosen.description}</p>
    </fieldset>`;
}

// ---- the head

function Finished({ work, problem }) {
  const { face } = work;
  const after = html`
    <div class="after">
      <p>It is kept under <a href="#/avatars">My avatars</a>.</p>
      <div class="row stretch">
        <button type="button" onClick=${drawAgain}><${Icon} name="again" />Draw it again</button>
        <button type="button" onClick=${leave}><${Icon} name="image" />Another photo</button>
      </div>
    </div>`;
  return html`
    <div class="table">
      <${Head} key=${face.id} face=${face} background=${backgroundOf(face.id)} heading="Your avatar" after=${after}>
        ${problem && html`<${StudioProblem} problem=${problem} onDismiss=${dismissProblem} />`}
      <//>
    </div>`;
}
