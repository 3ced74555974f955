// The library on another phone: a code to take along, as text and QR, and the place to enter it.

import { hasToken, post, randomName, takeIdentity } from "./api.js";
import { t } from "./language.js";
import { messageOf } from "./messages.js";
import { Heading } from "./parts.js";
import { codeHere, goTo, settle } from "./place.js";
import { clear } from "./session.js";
import { say } from "./store.js";
import { html, useEffect, useState } from "./vendor/preact-htm.js";

export function Recovery() {
  return html`
    <div class="recovery">
      <${Heading}>${t.recovery.title}<//>
      <p class="lead">${t.recovery.lead}</p>
      <${Giving} />
      <${Taking} />
    </div>`;
}

function Giving() {
  const [code, setCode] = useState(null);
  const [problem, setProblem] = useState(null);
  const make = async () => {
    setProblem(null);
    try {
      const { recoveryCode } = await post("/api/device/recovery-code", {}, randomName());
      setCode(recoveryCode);
    } catch (error) {
      setProblem(error);
    }
  };
  if (!hasToken()) return html`
    <section class="giving"><h2>${t.recovery.here}</h2><p>${t.recovery.none}</p></section>`;
  return html`
    <section class="giving">
      <h2>${t.recovery.here}</h2>
    ${code === null && html`<p><button type="button" class="main" onClick=${make}>${t.recovery.make}</button></p>`}
    ${problem && html`<${Sentence} problem=${problem} />`}
    ${code && html`
      <section class="code">
        <${Qr} text=${new URL(`#/recovery/${code}`, document.baseURI).href} />
        <div>
          <p class="letters">${code}</p>
          <p class="fine" role="status">${t.recovery.once}</p>
        </div>
      </section>`}
    </section>`;
}

function Taking() {
  const [code, setCode] = useState(codeHere());
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    if (codeHere()) settle("recovery"); // not to be kept in the history of the browser
  }, []);
  const take = async (event) => {
    event.preventDefault();
    setProblem(null);
    try {
      const { deviceId, deviceToken } = await post("/api/device/recover", { code }, randomName());
      takeIdentity(deviceId, deviceToken);
      await clear();
      say(t.recovery.taken);
      goTo("avatars");
    } catch (error) {
      setProblem(error);
    }
  };
  return html`
    <form class="taking" onSubmit=${take}>
      <h2>${t.recovery.have}</h2>
      <label>
        <span>${t.recovery.code}</span>
        <input name="code" required autocomplete="off" autocapitalize="characters" spellcheck=${false} maxlength="40"
          placeholder="7K3M-PZ0Q-9XWB-4TRA-2HNC" value=${code} onInput=${(event) => setCode(event.target.value)} />
      </label>
      <button type="submit">${t.recovery.take}</button>
      ${problem && html`<${Sentence} problem=${problem} tooMany=${t.recovery.tooMany} />`}
    </form>`;
}

/** `tooMany` is what 429 means here: its own words are of drawings. */
function Sentence({ problem, tooMany = null }) {
  const { title, text } = messageOf(problem);
  const [what, then] = (problem.code === "too_many_requests" && tooMany) || [title, text];
  return html`<p class="note" role="alert"><b>${what}.</b> ${then}</p>`;
}

function Qr({ text }) {
  const [modules, setModules] = useState(null);
  useEffect(() => {
    import("./vendor/uqr.js").then(({ encode }) => setModules(encode(text, { border: 3 }).data));
  }, [text]);
  if (!modules) return html`<div class="qr"></div>`;
  const dark = modules.flatMap((row, y) => row.map((is, x) => (is ? `M${x} ${y}h1v1h-1Z` : "")));
  return html`
    <svg class="qr" viewBox=${`0 0 ${modules.length} ${modules.length}`} role="img" aria-label=${t.recovery.qr}>
      <path fill="#fff" d=${`M0 0h${modules.length}v${modules.length}H0Z`} />
      <path fill="#000" shape-rendering="crispEdges" d=${dark.join("")} />
    </svg>`;
}
