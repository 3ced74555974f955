// What went wrong with the photo at hand, and the ways on.

import { t } from "./language.js";
import { PhotoInput, ProblemCard } from "./parts.js";
import { agree, retry, startSmaller, tryAnew, tryIn, wayWithoutFace } from "./session.js";
import { chooseStyle } from "./styles.js";
import { html, useRef } from "./vendor/preact-htm.js";
import { reloadSession, startAfresh } from "./visits.js";

export function Problem({ problem, onDismiss }) {
  const file = useRef(null);
  const goTo = (hash) => () => { location.hash = hash; };
  const faceless = problem.code === "no_face" ? wayWithoutFace() : null;
  const inAnyStyle = () => {
    chooseStyle("");
    return tryIn("");
  };
  const ways = {
    agree: [t.ways.agree, agree],
    retry: [t.ways.retry, retry],
    again: faceless === null && [problem.code === "no_face" ? t.ways.drawAnother : t.ways.again, tryAnew],
    anystyle: [t.ways.anystyle, inAnyStyle],
    anyface: faceless !== null && [t.ways.anyface, () => tryIn(faceless)],
    smaller: [t.ways.smaller, startSmaller],
    choose: [t.ways.choose, () => file.current.click()],
    session: [t.ways.session, reloadSession],
    photos: [t.ways.photos, goTo("#/photos")],
    avatars: [t.ways.avatars, goTo("#/avatars")],
    afresh: [t.ways.afresh, startAfresh],
  };
  return html`
    <${ProblemCard} problem=${problem} ways=${ways} onDismiss=${onDismiss} />
    <${PhotoInput} input=${file} />`;
}
