// The photo at hand, and its cartoon over it behind a line that can be moved.

import { pictureUrl } from "./api.js";
import { Slider } from "./compare.js";
import { t } from "./language.js";
import { Sketch } from "./parts.js";
import { titleOf } from "./styles.js";
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { refresh } from "./visits.js";

export function Frame({ work, cartoon, failed }) {
  const { photo, step, another } = work;
  const [at, setAt] = useState(50);
  const [source, onError] = usePhoto(photo);
  const drawing = !failed && (step === "sending" || step === "drawing");
  const sketch = work.tiles?.pictures[another]; // what it will look like, small
  const crop = cartoon?.crop;
  // A drawing that shows the person elsewhere is not compared: it hides the photo.
  const aside = cartoon?.aligned === false;
  // The frame is square from the start, as portraits are: nothing moves when the cartoon comes. A
  // cartoon of all of an oblong photo lies in it with room beside it.
  const oblong = crop && Math.abs(crop.width / crop.height - 1) > 0.01;
  // Of a group that waits to be drawn everybody is seen.
  const group = !cartoon && step === "choosing" && work.faces?.length > 1;
  const kind = [drawing && "waiting", step === "cutting" && "cutting", (oblong || group) && "oblong"].filter(Boolean).join(" ");
  return html`
    <div class=${`frame ${kind}`} style=${{ "--at": `${aside ? 0 : at}%` }}>
      ${source && html`<img class="photo" src=${source} alt=${t.compare.yourPhoto} style=${crop && croppedTo(crop, work.original)} onError=${onError} />`}
      ${drawing && html`<div class="veil"><${Sketch} live=${step === "drawing"} /></div>`}
      ${cartoon && html`
        <img class="cartoon" src=${pictureUrl(cartoon.imageUrl)} alt=${t.compare.yourCartoon(titleOf(cartoon.style))}
          onError=${refresh} />
        ${!aside && html`<${Slider} at=${at} onMove=${setAt} />`}`}
      ${sketch && html`<img class="cartoon sketching" src=${sketch} alt="" />`}
      ${another && html`<span class="pen" aria-hidden="true"><${Sketch} live=${true} /></span>`}
    </div>`;
}

/** What can be shown of a photo, and what to do if it cannot: HEIC opens in few browsers, the thumbnail in all. */
export function usePhoto(photo) {
  const first = photo.opens === false ? null : photo.src;
  const [source, setSource] = useState(first);
  useEffect(() => setSource(first), [first]);
  const fallBack = () => setSource(photo.fallback && source !== photo.fallback ? photo.fallback : null);
  return [source, fallBack];
}

/** Where a photo lies in a frame that shows only `crop` of it. */
const croppedTo = (crop, photo) => ({
  left: `${(-100 * crop.left) / crop.width}%`,
  top: `${(-100 * crop.top) / crop.height}%`,
  width: `${(100 * photo.width) / crop.width}%`,
  height: `${(100 * photo.height) / crop.height}%`,
});
