// The frame of the page: header, the three views, and what is true in all of them.

import { Avatars, Photos } from "./galleries.js";
import { Mark } from "./parts.js";
import { loadStyles, resume, startPhoto } from "./session.js";
import { state, subscribe } from "./store.js";
import { Studio } from "./studio.js";
import { html, render, useEffect, useLayoutEffect, useState } from "./vendor/preact-htm.js";

const VIEWS = [
  { path: "", title: "Draw", view: Studio },
  { path: "photos", title: "My photos", view: Photos },
  { path: "avatars", title: "My avatars", view: Avatars },
];

const viewAt = (hash) => VIEWS.find(({ path }) => hash === `#/${path}`) ?? VIEWS[0];

function App() {
  const [, redraw] = useState(0);
  const [here, go] = useState(viewAt(location.hash));
  // Not useEffect: that waits for a frame, and what is answered before it would never be drawn.
  useLayoutEffect(() => subscribe(() => redraw((count) => count + 1)), []);
  useLayoutEffect(() => {
    const follow = () => {
      go(viewAt(location.hash));
      scrollTo(0, 0);
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  useEffect(() => {
    document.title = here === VIEWS[0] ? "Cartoon Avatar" : `${here.title} · Cartoon Avatar`;
  }, [here]);

  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to content</a>
    <header class="top">
      <a class="brand" href="#/" aria-label="Cartoon Avatar, start"><${Mark} /><span>Cartoon Avatar</span></a>
      <nav aria-label="Views">
        ${VIEWS.map((view) => html`
          <a key=${view.path} href="#/${view.path}" aria-current=${view === here ? "page" : undefined}>
            ${view.title}
          </a>`)}
      </nav>
    </header>
    <main id="main" tabindex="-1"><${here.view} /></main>
    <footer class="bottom">
      <p>Photos and avatars stay on this server until you delete them; drawings for a day.</p>
      <p><a href="docs">For developers</a></p>
    </footer>
    <p class="unseen" role="status">${state.said}</p>
  `;
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function photoIn(transfer) {
  return [...(transfer?.files ?? [])][0] ?? null;
}

function take(event, transfer) {
  const photo = photoIn(transfer);
  document.body.classList.remove("dropping");
  if (!photo) return;
  event.preventDefault();
  location.hash = "#/";
  startPhoto(photo);
}

// A photo may be dropped anywhere, or pasted.
addEventListener("dragover", (event) => {
  if (![...event.dataTransfer.types].includes("Files")) return;
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
addEventListener("drop", (event) => take(event, event.dataTransfer));
addEventListener("paste", (event) => take(event, event.clipboardData));

resume(); // before the first drawing, so that the start does not flash up

const root = document.getElementById("app");
root.replaceChildren();
render(html`<${App} />`, root);
loadStyles();
