// A head that was cut out: on a checkerboard or a colour, to save, copy and share.

import { pictureUrl } from "./api.js";
import { t } from "./language.js";
import { Heading, Icon } from "./parts.js";
import { canCopy, canShare, copy, headOn, inType, save, share } from "./pictures.js";
import { useSavable } from "./savable.js";
import { Stickers } from "./stickers.js";
import { rememberBackground, state } from "./store.js";
import { html, useEffect, useState } from "./vendor/preact-htm.js";

const COLOURS = {
  transparent: null,
  white: "#ffffff",
  yellow: "#ffd54a",
  coral: "#ff8f73",
  mint: "#a7d8c4",
  sky: "#9fcaf5",
  ink: "#232326",
};

function BackgroundChooser({ value, onChange }) {
  const custom = value !== null && !Object.values(COLOURS).includes(value);
  return html`
    <fieldset class="backgrounds">
      <legend>${t.head.background}</legend>
      <div class="swatches">
        ${Object.entries(COLOURS).map(([name, colour]) => html`
          <label key=${name} class="dot" title=${t.head.colours[name]}>
            <input type="radio" name="background" checked=${colour === value} onChange=${() => onChange(colour)} />
            <span class=${colour ? "" : "checker"} style=${colour ? { background: colour } : {}}></span>
            <span class="unseen">${t.head.colours[name]}</span>
          </label>`)}
        <label class=${`dot own ${custom ? "on" : ""}`} title=${t.head.own}>
          <input type="color" value=${custom ? value : "#c9b8ff"} onInput=${(event) => onChange(event.target.value)} />
          <span class="unseen">${t.head.own}</span>
        </label>
      </div>
    </fieldset>`;
}

export function Head({ face, background, heading, children, after }) {
  const url = pictureUrl(face.faceUrl);
  const [colour, setColour] = useState(background);
  const { picture, done, act } = useSavable(() => headOn(url, colour), [url, colour]);
  const name = `avatar-${face.id.slice(0, 6)}`;

  useEffect(() => {
    rememberBackground(face.id, colour);
  }, [url, colour]);

  return html`
    <div class="stage">
      <div class=${`head ${colour ? "" : "checker"}`} style=${{ "--pixels": `${face.width}px`, background: colour ?? "" }}>
        <img src=${url} width=${face.width} height=${face.height} alt=${t.head.alt} />
      </div>
    </div>
    <div class="panel">
      <${Heading}>${heading}<//>
      ${children}
      <${BackgroundChooser} value=${colour} onChange=${setColour} />
      <div class="row stretch">
        <button type="button" class="main" onClick=${() => act(async () => save(await picture.current, `${name}.png`), t.save.saved)}>
          <${Icon} name="save" />${t.save.as("PNG")}
        </button>
        <button type="button" onClick=${() => act(async () => save(await inType(picture.current, "image/webp"), `${name}.webp`), t.save.saved)}>
          ${t.save.as("WebP")}
        </button>
        ${canCopy() && html`
          <button type="button" onClick=${() => act(() => copy(picture.current), t.save.copied)}>
            <${Icon} name="copy" />${t.save.copy}
          </button>`}
        ${canShare() && html`
          <button type="button" onClick=${() => act(async () => share(await picture.current, name), t.save.shared)}>
            <${Icon} name="share" />${t.save.share}
          </button>`}
      </div>
      <p class="fine done">${done || t.save.size(face.width, face.height)}</p>
      ${state.stickers && html`<${Stickers} face=${face} colour=${colour} />`}
      ${after}
    </div>`;
}
