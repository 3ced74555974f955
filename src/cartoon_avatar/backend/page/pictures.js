// Pixels in the browser: photos made smaller, heads put on a colour, saved, copied and shared.

import { Problem } from "./api.js";

export const MAX_BYTES = 10_000_000; // of the service, unless it was set otherwise
const MAX_SIDE_PX = 4096; // some phones draw nothing on a larger canvas

/** Whether a file begins as one of the kinds that the service reads: JPEG, PNG, WebP, HEIC, AVIF, GIF. */
export async function isPicture(file) {
  const head = new Uint8Array(await file.slice(0, 12).arrayBuffer().catch(() => new ArrayBuffer(0)));
  const text = String.fromCharCode(...head);
  return text.startsWith("\xff\xd8\xff") || text.startsWith("\x89PNG") || text.startsWith("GIF8")
    || (text.startsWith("RIFF") && text.endsWith("WEBP")) || text.slice(4, 8) === "ftyp";
}

/** The photo itself, or a smaller JPEG of it if it is over `maxBytes`; upright either way. */
export async function fitting(photo, maxBytes = MAX_BYTES) {
  if (photo.size <= maxBytes) return photo;
  let bitmap;
  try {
    bitmap = await createImageBitmap(photo, { imageOrientation: "from-image" });
  } catch {
    throw new Problem({ code: "cannot_shrink" });
  }
  const longest = Math.max(bitmap.width, bitmap.height);
  for (let side = Math.min(longest, MAX_SIDE_PX); side >= 256; side *= 0.75) {
    const smaller = await drawn(bitmap, side / longest, "#ffffff", "image/jpeg", 0.9);
    if (smaller.size <= maxBytes) {
      bitmap.close();
      return smaller;
    }
  }
  throw new Problem({ code: "cannot_shrink" });
}

/** Width and height of a picture as it is shown, or null where the browser cannot open it. */
export async function sizeOf(url) {
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    return null;
  }
  return { width: image.naturalWidth, height: image.naturalHeight };
}

/** The head as a PNG, transparent (`colour` null) or on a colour. */
export async function headOn(url, colour) {
  const head = await fetched(url);
  if (!colour && head.type === "image/png") return head;
  return drawn(await createImageBitmap(head), 1, colour, "image/png");
}

/** A picture as a file of `type`, its pixels as they are. */
export async function inType(picture, type) {
  const blob = await picture;
  return blob.type === type ? blob : drawn(await createImageBitmap(blob), 1, null, type, 0.92);
}

/** The file at `url`. */
export async function fetched(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Problem({ code: "not_found" });
  return answer.blob();
}

async function drawn(bitmap, scale, colour, type, quality) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  if (colour) {
    context.fillStyle = colour;
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, type, quality));
}

export function save(blob, filename) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = filename;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// Both need https (or localhost); over plain http their buttons stay away.
export const canCopy = () => Boolean(navigator.clipboard?.write && window.ClipboardItem);
export const copy = (png) => navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);

const asFile = (blob, name) => new File([blob], `${name}.${blob.type.split("/")[1]}`, { type: blob.type });
export const canShare = () =>
  Boolean(navigator.canShare?.({ files: [asFile(new Blob(["x"], { type: "image/png" }), "a")] }));
export const share = (blob, name) => navigator.share({ files: [asFile(blob, name)] });
