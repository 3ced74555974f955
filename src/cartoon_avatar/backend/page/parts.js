// Small pieces that several views use.

import { t } from "./language.js";
import { messageOf } from "./messages.js";
import { startPhoto } from "./session.js";
import { set, state } from "./store.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact-htm.js";

/** The mark: a head, half photo (dots), half ink. */
export const Mark = () => html`
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <path d="M16.3 3.2C9 3 4.2 8.3 4.1 15.7 4 23 8.8 28.7 16 28.8c7.3.1 12-5.5 11.9-13C27.8 8.5 23.2 3.4 16.3 3.2Z" fill="none" stroke="currentColor" stroke-width="2.4" />
    <path d="M16.3 3.2C9 3 4.2 8.3 4.1 15.7 4 23 8.8 28.7 16 28.8Z" fill="currentColor" />
    <path d="M20.5 12.5v2.6M16 21.6c2.6.9 5 .3 6.7-1.7" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" />
    <path d="M11.3 12.5v2.6M16 21.6c-2.4-.1-4-.6-5.7-2.2" fill="none" stroke="var(--page)" stroke-width="2.4" stroke-linecap="round" />
  </svg>`;

const ICONS = {
  camera: "M4 8h3.5L9 5.5h6L16.5 8H20a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1ZM12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Z",
  image: "M4 5h16v14H4ZM4 16l4.5-4.5 4 4 2.5-2.5 5 4.5M15.5 9.5h.01",
  again: "M19.5 12a7.5 7.5 0 1 1-2.3-5.4L19.5 9M19.5 4.5V9H15",
  scissors: "M20 5 8.6 15.6M20 19 8.6 8.4M6.5 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM6.5 19.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z",
  save: "M12 4v11M7.5 11 12 15.5 16.5 11M5 19.5h14",
  copy: "M9 9h10v11H9ZM15 6V4H5v11h2",
  share: "M12 15V4M8 7.5 12 3.5 16 7.5M6 11H5v9.5h14V11h-1",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7",
  close: "M6 6l12 12M18 6 6 18",
  dice: "M5 5h14v14H5ZM9 9h.01M15 15h.01M12 12h.01",
};

export const Icon = ({ name }) => html`
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${ICONS[name]} /></svg>`;

/** A heading that takes the focus when what had it is gone, so that nobody is left nowhere. */
export function Heading({ children }) {
  const heading = useRef(null);
  useLayoutEffect(() => { // not a frame later: a first Tab may be pressed before, and would go on from here
    const lost = !document.activeElement || document.activeElement === document.body;
    if (!state.begun) set({ begun: true });
    else if (lost && navigator.userActivation?.hasBeenActive) heading.current.focus({ preventScroll: true });
  }, []);
  return html`<h1 ref=${heading} tabindex="-1">${children}</h1>`;
}

export function PhotoInput({ input, capture }) {
  const take = (event) => {
    const [photo] = event.target.files;
    event.target.value = ""; // the same file may be chosen again
    if (photo) startPhoto(photo);
  };
  return html`
    <input ref=${input} hidden type="file" accept="image/*" capture=${capture} onChange=${take} />`;
}

/** A pen that draws a head, over and over. */
export const Sketch = ({ live }) => html`
  <svg class=${live ? "sketch live" : "sketch"} viewBox="0 0 120 120" aria-hidden="true">
    <path pathLength="1" d="M38 62C33 38 44 22 61 22c18 0 28 14 24 39-2 15-11 29-24 29-12 0-20-13-23-28Z" />
    <path pathLength="1" d="M37 52c6-4 9-11 11-18 8 8 24 11 37 10M36 55C29 30 42 14 62 14s33 14 26 40" />
    <path pathLength="1" d="M50 56v4M73 56v4M61 60c-1 5-3 8-1 9l4 .500M53 76c6 4 12 4 17 0" />
    <path pathLength="1" d="M50 87c0 8-1 10-8 13-8 3-13 5-16 10M73 87c0 8 1 10 8 13 8 3 13 5 16 10" />
  </svg>`;

/** An error as a sentence and its ways on. `ways` maps a way's name to [label, action]. */
export function ProblemCard({ problem, ways, onDismiss }) {
  const { title, text, ways: offered, waits } = messageOf(problem);
  const fitting = offered.filter((way) => ways[way]);
  const usable = fitting.length || !ways.retry ? fitting : ["retry"];
  const wait_s = waits && problem.retryAfterS !== null && problem.retryAfterS <= 120 ? problem.retryAfterS : null;
  const left_s = useCountdown(problem, wait_s, ways.retry?.[1]);
  const whenOnline = problem.code === "offline" ? ways.retry?.[1] : null;
  useLayoutEffect(() => { // at once: the connection may be back before a frame is drawn
    if (!whenOnline) return undefined;
    addEventListener("online", whenOnline);
    return () => removeEventListener("online", whenOnline);
  }, [problem]);
  return html`
    <section class="problem" role="alert">
      <h2>${title}</h2>
      <p>${text}</p>
      ${left_s !== null && html`<p class="countdown" aria-hidden="true">${t.countdown(left_s)}</p>`}
      <div class="row">
        ${usable.map((way, at) => html`
          <button key=${way} type="button" class=${at ? "" : "main"} onClick=${ways[way][1]}>
            ${way === "retry" && left_s !== null ? t.tryNow : ways[way][0]}
          </button>`)}
        ${onDismiss && html`<button type="button" class="plain" onClick=${onDismiss}>${t.dismiss}</button>`}
      </div>
    </section>`;
}

/** Seconds left until `act` is called, or null where there is nothing to wait for. */
function useCountdown(problem, wait_s, act) {
  const [left_s, setLeft] = useState(wait_s);
  useEffect(() => {
    setLeft(wait_s);
    if (wait_s === null) return undefined;
    const end = Date.now() + wait_s * 1000;
    const ticking = setInterval(() => {
      const rest_s = Math.ceil((end - Date.now()) / 1000);
      setLeft(Math.max(0, rest_s));
      if (rest_s > 0) return;
      clearInterval(ticking);
      act?.();
    }, 250);
    return () => clearInterval(ticking);
  }, [problem]);
  return left_s;
}

/** Asks before something that cannot be undone. */
export function Confirm({ title, text, label, onYes, onNo }) {
  const dialog = useRef(null);
  useLayoutEffect(() => dialog.current.showModal(), []);
  return html`
    <dialog ref=${dialog} class="confirm" aria-labelledby="confirm-title" onClose=${onNo}>
      <h2 id="confirm-title">${title}</h2>
      <p>${text}</p>
      <div class="row">
        <button type="button" autofocus onClick=${() => dialog.current.close()}>${t.keep}</button>
        <button type="button" class="danger" onClick=${onYes}>${label}</button>
      </div>
    </dialog>`;
}
