// Telling whoever runs the service that a picture is wrong.

import { post, randomName } from "./api.js";
import { t } from "./language.js";
import { messageOf } from "./messages.js";
import { html, useState } from "./vendor/preact-htm.js";

export function Report({ picture }) {
  const [step, setStep] = useState("closed"); // "asking", "sent"
  const [problem, setProblem] = useState(null);
  const send = async (event) => {
    event.preventDefault();
    setProblem(null);
    try {
      await post("/api/reports", { picture, reason: event.target.elements.reason.value }, randomName());
      setStep("sent");
    } catch (error) {
      setProblem(error);
    }
  };
  if (step === "sent") return html`<p class="fine" role="status">${t.reporting.sent}</p>`;
  if (step === "closed") {
    return html`<p class="fine"><button type="button" class="link" onClick=${() => setStep("asking")}>${t.reporting.open}</button></p>`;
  }
  return html`
    <form class="reporting" onSubmit=${send}>
      <label class="fine" for=${`why-${picture}`}>${t.reporting.why}</label>
      <div class="row">
        <select id=${`why-${picture}`} name="reason">
          ${Object.entries(t.reporting.reasons).map(([reason, said]) => html`<option key=${reason} value=${reason}>${said}</option>`)}
        </select>
        <button type="submit" class="small">${t.reporting.send}</button>
      </div>
      ${problem && html`<p class="fine" role="alert">${messageOf(problem).title}</p>`}
    </form>`;
}
