/** What holds Python holds it too where the platform is no root, and all instances are one user. */
import { equal } from "node:assert/strict";
import { fileURLToPath } from "node:url";

const NOBODY = 65534;
const isRoot = Deno.build.os === "linux" && Deno.uid() === 0;

Deno.test({
  name: "python: the same as an ordinary user" + (isRoot ? "" : " (skipped: this is one)"),
  ignore: !isRoot,
  async fn() {
    const cache = await Deno.makeTempDir({ prefix: "orla-python-cache-" });
    await Deno.chown(cache, NOBODY, NOBODY);
    try {
      const tests = fileURLToPath(new URL("zygote.test.ts", import.meta.url));
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "test",
          "-A",
          "--no-check",
          "--filter",
          "/machine|fork inherits|MEMORY|FILES/",
          tests,
        ],
        uid: NOBODY,
        gid: NOBODY,
        env: { DENO_DIR: cache, HOME: cache, NO_COLOR: "1" },
      }).output();
      const text = new TextDecoder();
      equal(code, 0, text.decode(stdout) + text.decode(stderr));
      // Skipped tests would pass as well.
      equal(/ok \| (\d+) passed/.exec(text.decode(stdout))?.[1], "4");
    } finally {
      await Deno.remove(cache, { recursive: true });
    }
  },
});
