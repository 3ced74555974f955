// A head as a messenger takes it: made by the service, then saved or shared as a file.

import { pictureUrl, post, randomName } from "./api.js";
import { t } from "./language.js";
import { messageOf } from "./messages.js";
import { Icon } from "./parts.js";
import { canShare, fetched, save, share } from "./pictures.js";
import { say } from "./store.js";
import { html, useState } from "./vendor/preact-htm.js";

const ON_A_COLOUR = ["circle", "square"];

export function Stickers({ face, colour }) {
  const [preset, setPreset] = useState(null);
  const [sticker, setSticker] = useState(null); // {url, file, width, height}
  const [problem, setProblem] = useState(null);

  const make = async (chosen) => {
    setPreset(chosen);
    setSticker(null);
    setProblem(null);
    say(t.sticker.making);
    try {
      const wish = { preset: chosen, ...(ON_A_COLOUR.includes(chosen) && colour ? { background: colour } : {}) };
      const { export: made } = await post(`/api/downloaded-faces/${face.id}/exports`, wish, randomName());
      const url = pictureUrl(made.exportUrl);
      // The file at hand: sharing must follow a tap at once.
      setSticker({ url, file: await fetched(url), width: made.width, height: made.height });
      say(readyText(chosen, made.width, made.height, made.fileSize));
    } catch (error) {
      setProblem(error);
    }
  };

  const name = preset && `${preset}-${face.id.slice(0, 6)}`;
  return html`
    <div class="stickers" role="group" aria-label=${t.sticker.title}>
      <span>${t.sticker.title}</span>
      <div class="row">
        ${Object.entries(t.sticker.presets).map(([one, title]) => html`
          <button key=${one} type="button" class="small" aria-pressed=${one === preset} onClick=${() => make(one)}>${title}</button>`)}
      </div>
      ${preset && !sticker && html`<p class="fine" role=${problem ? "alert" : undefined}>${problem ? sentences(problem) : t.sticker.making}</p>`}
      ${sticker && html`
        <div class="sticker">
          <img class="checker" src=${sticker.url} alt=${t.sticker.alt(t.sticker.presets[preset])} />
          <div>
            <p class="fine">${readyText(preset, sticker.width, sticker.height, sticker.file.size)}</p>
            <div class="row">
              <button type="button" class="small" onClick=${() => save(sticker.file, `${name}.${sticker.file.type.split("/")[1]}`)}>
                <${Icon} name="save" />${t.sticker.save}
              </button>
              ${canShare() && html`
                <button type="button" class="small" onClick=${() => share(sticker.file, name).catch(() => {})}>
                  <${Icon} name="share" />${t.sticker.share}
                </button>`}
            </div>
          </div>
        </div>`}
    </div>`;
}

const readyText = (preset, width, height, bytes) =>
  t.sticker.ready(t.sticker.presets[preset], width, height, Math.ceil(bytes / 1000));

function sentences(problem) {
  const { title, text } = messageOf(problem);
  return `${title}. ${text}`;
}
