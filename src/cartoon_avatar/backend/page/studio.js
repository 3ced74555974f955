// The photo at hand: from its way to the service to the head that was cut out.

import { pictureUrl } from "./api.js";
import { Frame } from "./frame.js";
import { Head } from "./head.js";
import { soon, t } from "./language.js";
import { Heading, Icon, Sketch } from "./parts.js";
import { People } from "./people.js";
import { canShare, fetched, inType, save, share } from "./pictures.js";
import { Problem } from "./problem.js";
import { Report } from "./report.js";
import { useSavable } from "./savable.js";
import {
  cancelJob, cancelSending, dismissProblem, drawAgain, drawAnother, drawIn, drawSurprise, leave, pick, saveSvg, show,
} from "./session.js";
import { Start } from "./start.js";
import { backgroundOf, state } from "./store.js";
import { StyleTiles, hasSvg, stylesWithoutFace, titleOf } from "./styles.js";
import { loadTiles } from "./tiles.js";
import { html, useEffect, useRef } from "./vendor/preact-htm.js";
import { openAvatar } from "./visits.js";

export function Studio() {
  const { work, problem } = state;
  const top = work?.step === "sending" || work?.step === "head";
  useEffect(() => {
    if (top) scrollTo(0, 0); // what is new is above, on a phone
  }, [top, work?.face?.id]);
  if (!work && state.resuming) return html`<div class="table" aria-busy="true"></div>`;
  if (!work) return html`<${Start} problem=${problem} />`;
  if (work.step === "head") return html`<${Finished} work=${work} problem=${problem} />`;
  const way = work.step === "sending" || work.step === "drawing";
  const cartoon = work.cartoons.find(({ id }) => id === work.shown);
  return html`
    <div class="table">
      <div class="stage">
        <${Frame} work=${work} cartoon=${cartoon} failed=${problem !== null} />
      </div>
      <div class="panel">
        ${way
          ? html`<${OnTheWay} work=${work} problem=${problem} />`
          : html`<${Choosing} work=${work} cartoon=${cartoon} problem=${problem} />`}
      </div>
    </div>`;
}

function OnTheWay({ work, problem }) {
  const sending = work.step === "sending";
  const percent = Math.round(work.progress * 100);
  if (problem) {
    return html`
      <${Heading}>${t.work.notYet}<//>
      <${Problem} problem=${problem} />
      <p class="fine"><button type="button" class="link" onClick=${leave}>${t.work.putAway}</button></p>`;
  }
  return html`
    <${Heading}>${sending ? t.work.sending : t.work.drawing}<//>
    <p class="lead">${sending ? t.work.sendingSlow : work.job ? t.job.mayLeave : t.work.drawingSoon}</p>
    ${work.job ? html`<${Waiting} job=${work.job} />` : html`
    <div class="progress" data-done=${!sending}>
      <progress max="100" value=${percent} aria-label=${t.work.sent}>${percent} %</progress>
      <div class="row spread">
        <span class="fine">${t.work.percentSent(percent)}</span>
        <button type="button" class="link" onClick=${cancelSending}>${t.work.cancel}</button>
      </div>
    </div>`}`;
}

/** A job that takes long: its place in the queue, or how much of it is drawn, and the way out. */
function Waiting({ job }) {
  const percent = Math.round((job.progress ?? 0) * 100);
  const queued = job.state === "queued";
  return html`
    <div class="progress">
      <progress max="100" value=${queued ? undefined : percent} aria-label=${t.work.drawing}></progress>
      <div class="row spread">
        <span class="fine" aria-live="polite">${queued ? t.job.place(job.position ?? 1) : t.job.stage(percent)}</span>
        <button type="button" class="link" onClick=${cancelJob}>${t.job.cancel}</button>
      </div>
      <span class="fine doing">${queued ? "" : t.job.stages[job.stage]}</span>
    </div>`;
}

// Not `disabled`: that would take the focus from whoever pressed the button.
const unless = (busy, act) => (...args) => { if (!busy) act(...args); };

function Choosing({ work, cartoon, problem }) {
  const { cartoons, original, faces, next } = work;
  const cutting = work.step === "cutting";
  const busy = cutting || Boolean(work.another);
  const faceless = original?.faceCount === 0; // `faces` is empty, too, where nobody says where they are
  useEffect(() => {
    loadTiles();
  }, [original?.id, work.person]);
  const styles = faceless ? state.styles && stylesWithoutFace() : state.styles;
  return html`
    <${Heading}>${headingOf(work)}<//>
    ${problem && html`<${Problem} problem=${problem} onDismiss=${dismissProblem} />`}
    ${work.job && html`<${Waiting} job=${work.job} />`}
    ${faceless && html`<p class="note">${t.work.noFace((styles ?? []).map(({ name }) => titleOf(name)).join(", "))}</p>`}
    ${cartoon?.standsInFor && html`<p class="note">${t.work.standsIn(titleOf(cartoon.standsInFor), titleOf(cartoon.style))}</p>`}
    ${faces?.length > 1 && html`<${People} work=${work} busy=${busy} />`}
    ${!cartoons.length && html`<${Strip} work=${work} />`}
    <${StyleTiles} styles=${styles} current=${work.another ?? cartoon?.style} waiting=${next}
      pictures=${work.tiles?.pictures}
      onChoose=${unless(cutting, drawIn)} onSurprise=${unless(busy, drawSurprise)}>
      <p class="fine about">${next ? t.style.next(titleOf(next)) : t.style.tap}</p>
    <//>
    ${cartoons.length > 0 && html`<${Strip} work=${work} />`}
    <div class="actions">
      <div class="row stretch">
        <button type="button" class=${cartoon ? "" : "main"} aria-disabled=${busy} onClick=${unless(busy, () => drawAnother())}>
          <${Icon} name="again" />${cartoons.length ? t.work.anotherOne : t.work.drawIt}
        </button>
        ${cartoon && !faceless && html`
          <button type="button" class="main" aria-disabled=${busy} aria-describedby="use-note" onClick=${unless(busy, pick)}>
            <${Icon} name="scissors" />${t.work.use}
          </button>`}
      </div>
      ${cartoon && !faceless && html`
        <p class="fine" id="use-note">${cartoons.length > 1 ? t.work.useNoteSeveral : t.work.useNote}</p>`}
    </div>
    ${cartoon && html`<${Saving} key=${cartoon.id} cartoon=${cartoon} />`}
    ${cartoon && html`<${Report} key=${`report-${cartoon.id}`} picture=${cartoon.id} />`}
    ${original && html`<p class="fine"><button type="button" class="link" onClick=${leave}>${t.work.other}</button></p>`}`;
}

function headingOf({ step, another, cartoons }) {
  if (step === "cutting") return t.work.cutting;
  if (another) return t.work.another;
  if (!cartoons.length) return t.work.none;
  return cartoons.length === 1 ? t.work.one : t.work.several;
}

function Strip({ work }) {
  const { cartoons, shown, another, avatars = [] } = work;
  const strip = useRef(null);
  useEffect(() => strip.current?.scrollTo({ left: strip.current.scrollWidth }), [cartoons.length, another]);
  if (!cartoons.length && !another) {
    return html`
      <p class="lead">${avatars.length ? t.work.picked : t.work.gone}</p>
      ${avatars.length > 0 && html`
        <div class="strip" role="group" aria-label=${t.work.avatarsOf}>
          ${avatars.map((face, at) => html`
            <button key=${face.id} type="button" class="tile" onClick=${() => openAvatar(face)}>
              <img class="checker" src=${pictureUrl(face.thumbnailUrl)} alt="" />
              <span class="name">${t.work.avatarOf(at + 1)}</span>
            </button>`)}
        </div>`}`;
  }
  return html`
    <fieldset ref=${strip} class="strip">
      <legend class="unseen">${t.work.drawings}</legend>
      ${cartoons.map((cartoon, at) => html`
        <label key=${cartoon.id} class="tile">
          <input type="radio" name="cartoon" checked=${cartoon.id === shown} onChange=${() => show(cartoon.id)} />
          <img src=${pictureUrl(cartoon.thumbnailUrl)} alt=${t.work.drawingOf(at + 1, titleOf(cartoon.style))} />
          <span class="name" aria-hidden="true">${titleOf(cartoon.style)}</span>
        </label>`)}
      ${another && html`
        <span class="tile pending" aria-hidden="true">
          <${Sketch} live=${true} /><span class="name">${titleOf(another === "any" ? "" : another)}</span>
        </span>`}
    </fieldset>`;
}

/** The cartoon as it is: kept for a day here, for good on one's own disk. */
function Saving({ cartoon }) {
  const url = pictureUrl(cartoon.imageUrl);
  const { picture, done, act } = useSavable(() => fetched(url), [url]);
  const file = (kind) => inType(picture.current, `image/${kind}`);
  const saveAs = (kind) => () => act(async () => save(await file(kind), `${cartoon.style}.${kind}`), t.save.saved);
  return html`
    <div class="saving" role="group" aria-label=${t.save.asIs}>
      <span>${t.save.asIs}</span>
      <button type="button" class="small" aria-label=${t.save.as("PNG")} onClick=${saveAs("png")}>PNG</button>
      <button type="button" class="small" aria-label=${t.save.as("WebP")} onClick=${saveAs("webp")}>WebP</button>
      ${hasSvg(cartoon.style) && html`
        <button type="button" class="small" aria-label=${t.save.as("SVG")} onClick=${() => saveSvg(cartoon)}>SVG</button>`}
      ${canShare() && html`
        <button type="button" class="small" onClick=${() => act(async () => share(await picture.current, cartoon.style), t.save.shared)}>
          <${Icon} name="share" />${t.save.share}
        </button>`}
      <p class="fine">${done || t.work.keptUntil(soon(cartoon.expiresAt))}</p>
    </div>`;
}

function Finished({ work, problem }) {
  const { face } = work;
  const after = html`
    <div class="after">
      <p>${t.head.keptUnder} <a href="#/avatars">${t.gallery.avatars}</a>.</p>
      <div class="row stretch">
        <button type="button" onClick=${drawAgain}><${Icon} name="again" />${t.head.again}</button>
        <button type="button" onClick=${leave}><${Icon} name="image" />${t.head.other}</button>
      </div>
    </div>`;
  return html`
    <div class="table">
      <${Head} key=${face.id} face=${face} background=${backgroundOf(face.id)} heading=${t.head.title} after=${after}>
        ${problem && html`<${Problem} problem=${problem} onDismiss=${dismissProblem} />`}
      <//>
    </div>`;
}
