// Whose servers photos may be sent to, and taking that back.

import { get, remove } from "./api.js";
import { t } from "./language.js";
import { messageOf } from "./messages.js";
import { say } from "./store.js";
import { html, useEffect, useState } from "./vendor/preact-htm.js";

export function Consents() {
  const [given, setGiven] = useState([]);
  const [problem, setProblem] = useState(null);
  const load = async () => {
    const { items } = await get("/api/device/consents");
    setGiven(items.filter(({ withdrawnAt }) => !withdrawnAt));
  };
  useEffect(() => {
    load().catch(() => {}); // the gallery above says what is wrong
  }, []);
  const withdraw = async ({ engine }) => {
    setProblem(null);
    try {
      await remove(`/api/device/consents/${engine}`).catch((error) => {
        if (error.code !== "not_found") throw error; // withdrawn is withdrawn
      });
      say(t.consent.withdrawn);
      await load();
    } catch (error) {
      setProblem(error);
    }
  };
  return given.map((consent) => html`
    <p key=${consent.engine} class="quiet">
      ${t.consent.given(consent.sentTo || consent.engine)}${" "}
      <button type="button" class="link" onClick=${() => withdraw(consent)}>${t.consent.withdraw}</button>
      ${problem && html`<span class="fine" role="alert">${messageOf(problem).title}</span>`}
    </p>`);
}
