/** Uploads into a disk that has no room: a small one, mounted where the objects are kept. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startOrlaProcess } from "../orla.ts";

/** Whether this user may mount. */
async function canMount(): Promise<boolean> {
  const place = await Deno.makeTempDir();
  const mounted = await run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place);
  if (mounted) await run("umount", place);
  await Deno.remove(place);
  return mounted;
}

async function run(command: string, ...args: string[]): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(command, { args, stderr: "null" }).output();
    return success;
  } catch {
    return false; // There is no such program here.
  }
}

async function filesBelow(directory: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    if (isDirectory) names.push(...await filesBelow(join(directory, name)));
    else names.push(name);
  }
  return names;
}

Deno.test({
  name: "a full disk is told as such, shows nothing, and takes uploads again once there is room",
  ignore: Deno.build.os !== "linux" || !await canMount(), // it needs the right to mount
  fn: async () => {
    const home = await Deno.makeTempDir({ prefix: "orla-test-" });
    const place = join(home, "storage");
    await Deno.mkdir(place);
    await run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place);
    try {
      await using orla = await startOrlaProcess({ dataDir: home });
      const send = (method: string, path: string, body: BodyInit, headers: HeadersInit = {}) =>
        fetch(`${orla.http}/storage/v1/${path}`, {
          ...{ method, body, headers: { apikey: orla.serviceKey, ...headers } },
        });
      const large = new Uint8Array(9_000_000);
      const put = await send("PUT", "b/large", large);
      assert.deepEqual([put.status, (await put.json()).error], [503, "This node's disk is full."]);
      const form = new FormData();
      form.append("small", new Blob(["fits"]), "small");
      form.append("large", new Blob([large]), "large");
      const posted = await send("POST", "b", form);
      assert.deepEqual([posted.status, (await posted.json()).code], [503, "unavailable"]);
      assert.deepEqual(await filesBelow(place), []);
      const listed = await fetch(`${orla.http}/storage/v1/b`, {
        headers: { apikey: orla.serviceKey },
      });
      assert.deepEqual((await listed.json()).objects, []);

      const tus = { "tus-resumable": "1.0.0" };
      const begun = await send("POST", "tus", "", {
        ...{ ...tus, "upload-length": "9000000" },
        "upload-metadata": `bucket ${btoa("b")},name ${btoa("resumed")}`,
      });
      const upload = (begun.headers.get("location") ?? "").replace("/storage/v1/", "");
      await begun.body?.cancel();
      const patched = await send("PATCH", upload, large, {
        ...{ ...tus, "upload-offset": "0", "content-type": "application/offset+octet-stream" },
      });
      assert.deepEqual([patched.status, await patched.text()], [
        503,
        "This node's disk is full.\n",
      ]);
      const ended = await send("DELETE", upload, "", tus);
      assert.equal(ended.status, 204);
      const small = await send("PUT", "b/small", large.subarray(0, 3_000_000));
      await small.body?.cancel();
      assert.equal(small.status, 201);
    } finally {
      await run("umount", place);
      await Deno.remove(home, { recursive: true });
    }
  },
});
