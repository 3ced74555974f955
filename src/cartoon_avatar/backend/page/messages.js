// Every error as a sentence for a person, and the ways on that make sense.
//
// ways: retry (same Idempotency-Key), again (a new one), smaller, choose, start, session,
//       photos, avatars, afresh; the first is offered as the main button.

const MESSAGES = {
  // The service's own codes.
  invalid_image: {
    title: "That is not a photo we can read",
    text: "It may be damaged, or of another kind. JPEG, PNG, WebP, HEIC, AVIF and GIF work.",
    ways: ["choose"],
  },
  image_too_large: {
    title: "That photo has too many pixels",
    text: "A smaller copy can be made right here; the cartoon will look the same.",
    ways: ["smaller", "choose"],
  },
  file_too_large: {
    title: "That photo is too heavy",
    text: "A smaller copy can be made right here; the cartoon will look the same.",
    ways: ["smaller", "choose"],
  },
  no_face: {
    title: "No face was found",
    text: "This style, and cutting out a head, need one. What was drawn is still here: try another"
      + " style, or a photo that shows the face from the front.",
    ways: ["again", "choose"],
  },
  no_svg: {
    title: "There is no SVG of that one",
    text: "It is painted, not drawn of shapes. Ink, Flat, Duotone and Sticker have one.",
    ways: ["session"],
  },
  picture_unusable: {
    title: "Nothing can be made of that photo",
    text: "Another one should do better.",
    ways: ["choose"],
  },
  not_found: {
    title: "That is no longer here",
    text: "Drawings are kept for a day. If the photo is still there, it can be drawn anew.",
    ways: ["session", "photos"],
  },
  sibling_downloaded: {
    title: "You already picked another one",
    text: "A different drawing of this photo became your avatar, and these were cleared away.",
    ways: ["avatars", "session"],
  },
  request_timeout: {
    title: "The line was too slow",
    text: "Your photo did not arrive in time. A smaller copy can be made right here; the cartoon"
      + " will look the same.",
    ways: ["smaller", "retry"],
  },
  request_running: {
    title: "Still at it",
    text: "The same request is still being worked on.",
    ways: ["retry"],
    waits: true,
  },
  idempotency_key_reused: {
    title: "That got mixed up",
    text: "An earlier request was in the way. Trying afresh helps.",
    ways: ["again"],
  },
  too_many_requests: {
    title: "A little too fast",
    text: "Too many drawings were asked for in a short time.",
    ways: ["retry"],
    waits: true,
  },
  too_many_cartoons: {
    title: "So many drawings",
    text: "You have as many unpicked drawings as there may be. Pick one of a photo to clear its"
      + " others, or delete a photo you no longer need.",
    ways: ["photos"],
  },
  generation_failed: {
    title: "The drawing did not work out",
    text: "Nothing was lost. Trying again often helps; otherwise take another photo.",
    ways: ["retry", "choose"],
  },
  ai_unavailable: {
    title: "The artist is busy",
    text: "The drawing service is starting or has its hands full. Nothing was lost.",
    ways: ["retry"],
    waits: true,
  },
  database_busy: {
    title: "Just a moment",
    text: "The service is busy. Nothing was lost.",
    ways: ["retry"],
    waits: true,
  },
  storage_unavailable: {
    title: "Just a moment",
    text: "The place where pictures are kept does not answer. Nothing was lost.",
    ways: ["retry"],
    waits: true,
  },
  insufficient_storage: {
    title: "The service is full",
    text: "There is no room for another picture right now. Deleting old photos may help.",
    ways: ["retry", "photos"],
  },
  unauthorized: {
    title: "This browser lost its key",
    text: "Your pictures are locked to a key that is not here any more. You can start afresh with"
      + " an empty collection.",
    ways: ["afresh"],
  },
  invalid_device_id: {
    title: "This browser lost its name",
    text: "You can start afresh with an empty collection.",
    ways: ["afresh"],
  },
  invalid_style: {
    title: "That style is gone",
    text: "The service no longer draws in it. Choose another one.",
    ways: ["anystyle"],
  },
  invalid_cursor: {
    title: "The list has changed",
    text: "Load it again from the top.",
    ways: ["retry"],
  },
  // Ours.
  offline: {
    title: "You are offline",
    text: "It goes on by itself as soon as there is a connection.",
    ways: ["retry"],
  },
  unreachable: {
    title: "The service does not answer",
    text: "It may be restarting, or the connection is poor. Nothing was lost.",
    ways: ["retry"],
    waits: true,
  },
  cannot_shrink: {
    title: "That photo is too heavy",
    text: "It is over 10 MB, and this browser cannot open its kind to make it smaller. Save it as"
      + " JPEG first, or choose another one.",
    ways: ["choose"],
  },
};

const UNKNOWN = {
  title: "Something went wrong",
  text: "It was not your fault. Trying again may help.",
  ways: ["again", "choose"],
};

export function messageOf({ code, detail, requestId }) {
  const known = MESSAGES[code];
  if (known) return known;
  const report = requestId ? ` (Report number ${requestId}.)` : "";
  return { ...UNKNOWN, text: `${detail || UNKNOWN.text}${report}` };
}
