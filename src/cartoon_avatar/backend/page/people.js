// A photo of several people: a circle on each face, to tap who is drawn.

import { usePhoto } from "./frame.js";
import { t } from "./language.js";
import { drawPerson } from "./session.js";
import { html } from "./vendor/preact-htm.js";

export function People({ work, busy }) {
  const { original, faces, person } = work;
  const [source, onError] = usePhoto(work.photo);
  return html`
    <fieldset class="people">
      <legend>${t.work.who}</legend>
      <p class="fine">${t.work.whoHint}</p>
      <div class="group" style=${{ aspectRatio: `${original.width} / ${original.height}` }}>
        ${source && html`<img src=${source} alt="" onError=${onError} />`}
        ${faces.map(({ box }, at) => html`
          <button key=${at} type="button" class="circle" style=${placeOf(box, original)}
            aria-label=${t.work.person(at + 1)} aria-current=${at === person ? "true" : undefined} aria-disabled=${busy}
            onClick=${() => { if (!busy) drawPerson(at); }}></button>`)}
      </div>
    </fieldset>`;
}

/** A circle around a face's box, in percent of the photo. */
function placeOf(box, photo) {
  const side = Math.max(box.width, box.height) * 1.25;
  return {
    left: `${(100 * (box.left + box.width / 2)) / photo.width}%`,
    top: `${(100 * (box.top + box.height / 2)) / photo.height}%`,
    width: `${(100 * side) / photo.width}%`,
  };
}
