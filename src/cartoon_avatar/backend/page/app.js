// The frame of the page: header, the views, and what is true in all of them.

import { Avatars, Photos } from "./galleries.js";
import { t } from "./language.js";
import { Mark } from "./parts.js";
import { goTo, here, inStudio } from "./place.js";
import { Recovery } from "./recovery.js";
import { startPhoto } from "./session.js";
import { state, subscribe } from "./store.js";
import { Studio } from "./studio.js";
import { loadStyles } from "./styles.js";
import { html, render, useEffect, useLayoutEffect, useState } from "./vendor/preact-htm.js";
import { followTo, resume } from "./visits.js";

const VIEWS = { photos: Photos, avatars: Avatars, recovery: Recovery };

function App() {
  const [, redraw] = useState(0);
  const [place, setPlace] = useState(here());
  // Not useEffect: that waits for a frame, and what is answered before it would never be drawn.
  useLayoutEffect(() => subscribe(() => redraw((count) => count + 1)), []);
  useLayoutEffect(() => {
    const show = () => {
      setPlace(here());
      scrollTo(0, 0);
    };
    const follow = () => {
      show();
      if (inStudio()) followTo(here());
    };
    addEventListener("hashchange", follow); // a link, Back or Forward
    addEventListener("placechange", show); // our own step
    return () => {
      removeEventListener("hashchange", follow);
      removeEventListener("placechange", show);
    };
  }, []);
  const View = VIEWS[place.split("/")[0]] ?? Studio;
  const title = { photos: t.gallery.photos, avatars: t.gallery.avatars, recovery: t.recovery.title }[place.split("/")[0]];
  useEffect(() => {
    document.title = title ? `${title} · ${t.name}` : t.name;
  }, [title]);
  // Back to the photo at hand, where there is one.
  const studio = { head: "#/avatar" }[state.work?.step] ?? (state.work ? "#/photo" : "#/");

  return html`
    <a class="skip" href="#main" onClick=${skip}>${t.skip}</a>
    <header class="top">
      <a class="brand" href=${studio} aria-label=${t.home}><${Mark} /><span>Cartoon<br />Avatar</span></a>
      <nav aria-label=${t.views}>
        <a href=${studio} aria-current=${View === Studio ? "page" : undefined}>${t.nav.draw}</a>
        <a href="#/photos" aria-current=${View === Photos ? "page" : undefined}>${t.nav.photos}</a>
        <a href="#/avatars" aria-current=${View === Avatars ? "page" : undefined}>${t.nav.avatars}</a>
      </nav>
    </header>
    <main id="main" tabindex="-1"><${View} /></main>
    <footer class="bottom">
      <p>${t.kept}</p>
      <p><a href="docs">${t.developers}</a></p>
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
  if (!inStudio()) goTo("");
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
