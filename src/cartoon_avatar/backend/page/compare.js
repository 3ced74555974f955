// The line between photo and cartoon, and the slider that moves it. What lies in the frame is cut
// at `--at` by style.css.

import { t } from "./language.js";
import { html } from "./vendor/preact-htm.js";

/** `at` is the photo's share in percent. */
export function Slider({ at, label = t.compare.cartoon, onMove }) {
  return html`
    <span class="label left" hidden=${at < 18}>${t.compare.photo}</span>
    <span class="label right" hidden=${at > 74}>${label}</span>
    <span class="line" aria-hidden="true"><span class="grip"></span></span>
    <input class="compare" type="range" min="0" max="100" value=${at} aria-label=${t.compare.label}
      aria-valuetext=${t.compare.value(100 - at)} onInput=${(event) => onMove(Number(event.target.value))} />`;
}
