// A head that was cut out: on a checkerboard or a colour, to save, copy and share.

import { pictureUrl } from "./api.js";
import { Heading, Icon } from "./parts.js";
import { canCopy, canShare, copy, headOn, save, share } from "./pictures.js";
import { rememberBackground, say } from "./store.js";
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";

const COLOURS = [
  [null, "Transparent"],
  ["#ffffff", "White"],
  ["#ffd54a", "Yellow"],
  ["#ff8f73", "Coral"],
  ["#a7d8c4", "Mint"],
  ["#9fcaf5", "Sky"],
  ["#232326", "Ink"],
];

export function BackgroundChooser({ value, onChange }) {
  const custom = value !== null && !COLOURS.some(([colour]) => colour === value);
  return html`
    <fieldset class="backgrounds">
      <legend>Background</legend>
      <div class="swatches">
        ${COLOURS.map(([colour, name]) => html`
          <label key=${name} class="dot" title=${name}>
            <input type="radio" name="background" checked=${colour === value} onChange=${() => onChange(colour)} />
            <span class=${colour ? "" : "checker"} style=${colour ? { background: colour } : {}}></span>
            <span class="unseen">${name}</span>
          </label>`)}
        <label class=${`dot own ${custom ? "on" : ""}`} title="A colour of your own">
          <input type="color" value=${custom ? value : "#c9b8ff"} onInput=${(event) => onChange(event.target.value)} />
          <span class="unseen">A colour of your own</span>
        </label>
      </div>
    </fieldset>`;
}

export function Head({ face, background, heading, children, after }) {
  const url = pictureUrl(face.faceUrl);
  const [colour, setColour] = useState(background);
  const [done, setDone] = useState("");
  const picture = useRef(null); // made ahead: sharing must follow a tap at once
  const filename = `avatar-${face.id.slice(0, 6)}.png`;

  useEffect(() => {
    rememberBackground(face.id, colour);
    const making = headOn(url, colour);
    making.catch(() => {}); // reported when it is asked for
    picture.current = making;
  }, [url, colour]);

  const act = async (what, sentence) => {
    setDone("");
    try {
      await what();
      setDone(sentence);
      say(sentence);
    } catch (error) {
      if (error.name === "AbortError") return; // the share sheet was closed
      setDone("That did not work. Try again, or save it.");
      picture.current = headOn(url, colour);
      picture.current.catch(() => {});
    }
  };

  return html`
    <div class="stage">
      <div class=${`head ${colour ? "" : "checker"}`} style=${{ "--pixels": `${face.width}px`, background: colour ?? "" }}>
        <img src=${url} width=${face.width} height=${face.height} alt="Your avatar: the head, cut out" />
      </div>
    </div>
    <div class="panel">
      <${Heading}>${heading}<//>
      ${children}
      <${BackgroundChooser} value=${colour} onChange=${setColour} />
      <div class="row stretch">
        <button type="button" class="main" onClick=${() => act(async () => save(await picture.current, filename), "Saved.")}>
          <${Icon} name="save" />Save
        </button>
        ${canCopy() && html`
          <button type="button" onClick=${() => act(() => copy(picture.current), "Copied.")}>
            <${Icon} name="copy" />Copy
          </button>`}
        ${canShare() && html`
          <button type="button" onClick=${() => act(async () => share(await picture.current, filename), "Shared.")}>
            <${Icon} name="share" />Share
          </button>`}
      </div>
      <p class="fine done">${done || `PNG, ${face.width} × ${face.height} pixels`}</p>
      ${after}
    </div>`;
}
