// A picture to save, copy and share: made ahead, since sharing must follow a tap at once.

import { t } from "./language.js";
import { say } from "./store.js";
import { useEffect, useRef, useState } from "./vendor/preact-htm.js";

/**
 * `make` gives the picture, anew where one of `inputs` changes or something went wrong with it;
 * `act` does something with it and says so in a sentence, which is `done` from then on.
 */
export function useSavable(make, inputs) {
  const [done, setDone] = useState("");
  const picture = useRef(null);
  const renew = () => {
    picture.current = make();
    picture.current.catch(() => {}); // reported when it is asked for
  };
  useEffect(renew, inputs);

  const act = async (what, sentence) => {
    setDone("");
    try {
      await what();
      setDone(sentence);
      say(sentence);
    } catch (error) {
      if (error.name === "AbortError") return; // the share sheet was closed
      setDone(t.save.failed);
      renew();
    }
  };
  return { picture, done, act };
}
