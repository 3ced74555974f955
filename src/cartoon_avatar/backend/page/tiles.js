// One's own face in every style, on the tiles: drawn by the service in one go, for each person once.

import { get } from "./api.js";
import { changeWork } from "./session.js";
import { state } from "./store.js";

/** Puts `work.tiles` {of, pictures}; pictures are by style. Until then tiles show somebody else. */
export async function loadTiles() {
  const { original, person, tiles } = state.work;
  const path = `/api/originals/${original.id}/previews?face=${person}`;
  if (tiles?.of === path) return;
  changeWork({ tiles: { of: path, pictures: tiles?.pictures ?? {} } });
  try {
    const { items } = await get(path, "default"); // again from the browser's cache
    if (state.work?.tiles?.of !== path) return;
    const pictures = Object.fromEntries(items.map(({ style, image }) => [style, image]));
    changeWork({ tiles: { of: path, pictures } });
  } catch {
    // The service is busy, perhaps: tiles of somebody else do too.
    if (state.work?.tiles?.of === path) changeWork({ tiles: { of: path, pictures: {} } });
  }
}
