// The start: what this does, on somebody else's face, and the ways to begin.

import { Slider } from "./compare.js";
import { t } from "./language.js";
import { messageOf } from "./messages.js";
import { Heading, Icon, PhotoInput } from "./parts.js";
import { Problem } from "./problem.js";
import { isRefusal, startSample } from "./session.js";
import { state } from "./store.js";
import { StyleTiles, chooseStyle, otherStyle, sentenceOf as styleSentence, titleOf } from "./styles.js";
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";

const SAMPLES = ["eileen", "grace", "both"];
const SWEEP_MS = 1800;
// Where the line comes to rest: most of the head stands out of the frame, and some of the photo shows.
const REST = 32;

export function Start({ problem }) {
  const file = useRef(null);
  const camera = useRef(null);
  return html`
    <div class="start">
      <${Hero} style=${state.style} />
      <div class="begin">
        <${Heading}>${t.start.title}<//>
        <p class="lead">${t.start.lead}</p>
        ${problem && (isRefusal(problem) ? html`<p class="note" role="alert">${sentenceOf(problem)}</p>` : html`<${Problem} problem=${problem} />`)}
        <div class="row ways">
          <button type="button" class="main" onClick=${() => file.current.click()}>
            <${Icon} name="image" />${t.start.choose}
          </button>
          <button type="button" class="camera" aria-label=${t.start.camera} title=${t.start.camera} onClick=${() => camera.current.click()}>
            <${Icon} name="camera" />
          </button>
        </div>
        <p class="hint fine">${t.start.hint}</p>
        <div class="samples" role="group" aria-label=${t.start.samples}>
          <span>${t.start.samples}</span>
          ${SAMPLES.map((name) => html`
            <button key=${name} type="button" class="sample" aria-label=${t.start.sample[name]} title=${t.start.sample[name]}
              onClick=${() => startSample(name)}>
              <img src=${`page/samples/faces/${name}-small.webp`} alt="" width="52" height="52" />
            </button>`)}
        </div>
      </div>
      <${PhotoInput} input=${file} />
      <${PhotoInput} input=${camera} capture="user" />
      <${StyleTiles} styles=${state.styles} current=${state.style} onChoose=${chooseStyle}
        onSurprise=${() => chooseStyle(otherStyle([state.style]))}>
        <p class="fine about">${styleSentence(state.style)}</p>
      <//>
    </div>`;
}

function sentenceOf(problem) {
  const { title, text } = messageOf(problem);
  return `${title}. ${text}`;
}

/** A photo, and its drawing in `style`, whose head stands out of the frame. */
function Hero({ style }) {
  const [at, setAt] = useSweep();
  const drawn = useLoaded(style);
  return html`
    <div class="hero" style=${{ "--at": `${at}%` }}>
      <span class="edge" aria-hidden="true"></span>
      <img src="page/samples/hero/photo.webp" alt=${t.start.example} width="720" height="720" />
      ${drawn && html`
        <img class="cartoon" src=${heroOf(drawn)} alt=${t.start.exampleDrawn(titleOf(drawn))} width="720" height="720" />`}
      <${Slider} at=${at} label=${drawn ? titleOf(drawn) : undefined} onMove=${setAt} />
    </div>`;
}

const heroOf = (style) => `page/samples/hero/${style}.webp`;

/** The style whose picture is loaded: the one before until then, and for good if it has none. */
function useLoaded(style) {
  const [loaded, setLoaded] = useState(null);
  useEffect(() => {
    if (!style) return undefined;
    let wanted = true;
    const picture = new Image();
    picture.src = heroOf(style);
    picture.decode().then(() => wanted && setLoaded(style), () => {});
    return () => { wanted = false; };
  }, [style]);
  return loaded;
}

/** The line sweeps once over the picture, which shows what it is for; a hand on it ends that. */
function useSweep() {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const [at, setAt] = useState(calm ? REST : 96);
  const sweeping = useRef(0);
  useEffect(() => {
    if (calm) return undefined;
    let start = null;
    const step = (now) => {
      start ??= now;
      const share = Math.min(1, (now - start) / SWEEP_MS);
      const eased = share < 0.5 ? 4 * share ** 3 : 1 - (2 - 2 * share) ** 3 / 2;
      setAt(Math.round(96 + (REST - 96) * eased));
      if (share < 1) sweeping.current = requestAnimationFrame(step);
    };
    sweeping.current = requestAnimationFrame(step);
    return () => cancelAnimationFrame(sweeping.current);
  }, []);
  const move = (share) => {
    cancelAnimationFrame(sweeping.current);
    setAt(share);
  };
  return [at, move];
}
