// The original design in Express + multer. SQLite stands for its collections, so that both
// sides pay for the same kind of database. FSYNC=1 makes it keep what we promise, too, and
// EXTRAS=1 do on an upload what the original design leaves out: a thumbnail kept beside the
// photo, the photo's checksum, and all rows in one transaction.
import express from "express";
import multer from "multer";
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

const { PORT, DATA_DIR, AI_URL, FSYNC, EXTRAS } = process.env;
const uploads = path.join(DATA_DIR, "uploads");
for (const type of ["originals", "temp", "downloaded", "thumbnails"]) {
  fs.mkdirSync(path.join(uploads, type), { recursive: true });
}

const picture = `id TEXT PRIMARY KEY, deviceId TEXT, originalId TEXT, filename TEXT, filePath TEXT,
  imageUrl TEXT, fileSize INTEGER, mimeType TEXT, sourceCartoonId TEXT, createdAt INTEGER,
  sha256 TEXT`;
const db = new DatabaseSync(path.join(DATA_DIR, "peer.sqlite"));
db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${FSYNC ? "FULL" : "NORMAL"};
  CREATE TABLE IF NOT EXISTS devices (
    deviceId TEXT PRIMARY KEY, createdAt INTEGER, lastActiveAt INTEGER);
  CREATE TABLE IF NOT EXISTS originals (${picture});
  CREATE TABLE IF NOT EXISTS cartoons (${picture});
  CREATE TABLE IF NOT EXISTS faces (${picture});
  CREATE INDEX IF NOT EXISTS byDevice ON originals (deviceId, createdAt);
  CREATE INDEX IF NOT EXISTS byOriginal ON cartoons (originalId);`);
const touch = db.prepare(`INSERT INTO devices VALUES (?, ?, ?)
  ON CONFLICT (deviceId) DO UPDATE SET lastActiveAt = excluded.lastActiveAt`);
const inserts = Object.fromEntries(
  ["originals", "cartoons", "faces"].map((table) => [
    table,
    db.prepare(`INSERT INTO ${table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
  ]),
);

const upload = multer({
  storage: multer.diskStorage({
    destination: path.join(uploads, "originals"),
    filename: (req, file, done) => done(null, `${Date.now()}_${randomBytes(4).toString("hex")}.jpg`),
  }),
  limits: { fileSize: 10_000_000 },
  fileFilter: (req, file, done) => done(null, file.mimetype.startsWith("image/")),
});

async function synced(file) {
  if (!FSYNC) return;
  for (const place of [file, path.dirname(file)]) {
    const handle = await fs.promises.open(place);
    await handle.sync();
    await handle.close();
  }
}

async function ask(endpoint, body, headers) {
  const answer = await fetch(AI_URL + endpoint, { method: "POST", body, headers });
  if (!answer.ok) throw new Error(`the AI service answered ${answer.status}`);
  const data = Buffer.from(await answer.arrayBuffer());
  const end = data.length - Number(answer.headers.get("x-thumbnail-bytes") ?? 0);
  return { data: data.subarray(0, end), thumbnail: data.subarray(end) };
}

async function drawn(photo, mimeType, extras = false) {
  const form = new FormData();
  if (extras) form.append("thumbnail", "1");
  form.append("image", await fs.openAsBlob(photo, { type: mimeType }), path.basename(photo));
  return ask("/generate-cartoon", form);
}

async function kept(type, owner, data, extension = "jpg") {
  const name = `${Date.now()}_${owner}_${randomBytes(4).toString("hex")}.${extension}`;
  const file = path.join(uploads, type, name);
  await fs.promises.writeFile(file, data);
  await synced(file);
  return { file, size: data.length };
}

function noted(table, deviceId, originalId, { file, size, sha256 = null }, mimeType, source = null) {
  const id = randomBytes(12).toString("hex");
  const imageUrl = `/uploads/${path.relative(uploads, file)}`;
  const row = { id, deviceId, originalId, filename: path.basename(file), imageUrl, fileSize: size };
  inserts[table].run(
    id, deviceId, originalId, row.filename, file, imageUrl, size, mimeType, source, Date.now(),
    sha256,
  );
  return { ...row, mimeType };
}

const app = express();
app.use(express.json());
app.use("/uploads", express.static(uploads));

app.post("/api/upload", upload.single("image"), async (req, res) => {
  const deviceId = req.get("x-device-id");
  const { path: file, size, mimetype } = req.file;
  await synced(file);
  const { data, thumbnail } = await drawn(file, mimetype, EXTRAS);
  const cartoonFile = await kept("temp", "cartoon", data);
  const photoFile = { file, size };
  if (EXTRAS) {
    await kept("thumbnails", path.basename(file), thumbnail, "webp");
    photoFile.sha256 = createHash("sha256").update(await fs.promises.readFile(file)).digest("hex");
    db.exec("BEGIN IMMEDIATE");
  }
  touch.run(deviceId, Date.now(), Date.now());
  const original = noted("originals", deviceId, null, photoFile, mimetype);
  const cartoon = noted("cartoons", deviceId, original.id, cartoonFile, "image/jpeg");
  if (EXTRAS) db.exec("COMMIT");
  res.status(201).json({ original, cartoon });
});

app.post("/api/regenerate/:id", async (req, res) => {
  const deviceId = req.get("x-device-id");
  const query = db.prepare("SELECT * FROM originals WHERE id = ? AND deviceId = ?");
  const original = query.get(req.params.id, deviceId);
  if (!original) return res.status(404).json({ error: "not found" });
  const { data } = await drawn(original.filePath, original.mimeType);
  const file = await kept("temp", original.id, data);
  res.status(201).json({ cartoon: noted("cartoons", deviceId, original.id, file, "image/jpeg") });
});

app.post("/api/download/:id", async (req, res) => {
  const deviceId = req.get("x-device-id");
  const query = db.prepare("SELECT * FROM cartoons WHERE id = ? AND deviceId = ?");
  const cartoon = query.get(req.params.id, deviceId);
  if (!cartoon) return res.status(404).json({ error: "not found" });
  const body = JSON.stringify({ image_url: `http://127.0.0.1:${PORT}${cartoon.imageUrl}` });
  const { data } = await ask("/process-face-cut", body, { "content-type": "application/json" });
  const file = await kept("downloaded", cartoon.originalId, data, "png");
  const face = noted("faces", deviceId, cartoon.originalId, file, "image/png", cartoon.id);
  const sisters = db.prepare("SELECT filePath FROM cartoons WHERE originalId = ?");
  const gone = sisters.all(cartoon.originalId);
  db.prepare("DELETE FROM cartoons WHERE originalId = ?").run(cartoon.originalId);
  await Promise.all(gone.map((row) => fs.promises.rm(row.filePath, { force: true })));
  res.status(201).json({ face });
});

for (const [url, table] of [["originals", "originals"], ["downloaded-faces", "faces"]]) {
  const query = db.prepare(`SELECT * FROM ${table} WHERE deviceId = ? ORDER BY createdAt DESC`);
  app.get(`/api/${url}`, (req, res) => res.json({ items: query.all(req.get("x-device-id")) }));
}

app.get("/readyz", (req, res) => res.json({ status: "ready" }));
app.listen(Number(PORT), "127.0.0.1");
