// What an app does, by a client made of ../openapi.json: `npm ci && npm run generate`, then import
// `avatars` from here. The tests check its types and run `main` against the service.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

export type Cartoon = components["schemas"]["Cartoon"];
export type Face = components["schemas"]["Face"];

export function avatars(baseUrl: string, deviceId: string, deviceToken?: string) {
  const headers: Record<string, string> = { "X-Device-Id": deviceId };
  if (deviceToken) headers.Authorization = `Bearer ${deviceToken}`;
  return createClient<paths>({ baseUrl, headers });
}

// 201, or with `Prefer: respond-async` 202 and a job, so a POST's answer is one of two.
function done<Done extends object>(data: Done | components["schemas"]["JobAccepted"]): Done {
  if ("job" in data) throw new Error(`a job that nobody asked for: ${data.job.id}`);
  return data as Done;
}

export async function main(baseUrl: string, photo: Blob): Promise<string[]> {
  const deviceId = crypto.randomUUID();
  const said: string[] = [];
  const upload = await avatars(baseUrl, deviceId).POST("/api/upload", {
    params: { header: { "Idempotency-Key": crypto.randomUUID() } },
    body: { image: "" },
    bodySerializer: () => {
      const form = new FormData();
      form.append("image", photo, "me.jpg");
      return form;
    },
  });
  if (upload.error) throw new Error(upload.error.detail);
  const { original, cartoon, deviceToken } = done<components["schemas"]["UploadCreated"]>(upload.data);
  said.push(`uploaded ${cartoon.style} ${cartoon.width}`);

  const api = avatars(baseUrl, deviceId, deviceToken ?? undefined);
  const again = await api.POST("/api/regenerate/{originalId}", {
    params: { path: { originalId: original.id } },
    body: { seed: 7 },
  });
  if (again.error) throw new Error(again.error.detail);
  const { cartoon: drawn } = done<components["schemas"]["CartoonCreated"]>(again.data);
  said.push(`drawn again with seed ${drawn.seed}`);

  const refused = await api.POST("/api/download/{cartoonId}", {
    params: { path: { cartoonId: "0123456789abcdef01234567" } },
  });
  // The codes of every status that it can be, and no other: "no_such" would not compile.
  if (refused.error?.code === "not_found") said.push("refused, since it is not found");

  const made = await api.POST("/api/download/{cartoonId}", {
    params: { path: { cartoonId: drawn.id } },
  });
  if (made.error) throw new Error(made.error.detail);
  const { face: cut } = done<components["schemas"]["FaceCreated"]>(made.data);
  const faces = await api.GET("/api/downloaded-faces", { params: { query: { limit: 1 } } });
  if (faces.error) throw new Error(faces.error.detail);
  const [face] = faces.data.items;
  said.push(`kept ${face?.id === cut.id}`);
  return said;
}
