/** Asking too much of the platform: the key-value store, metrics, host calls. */
import { ok } from "node:assert/strict";
import { type Attack, harmless, refused, watched } from "../attack.ts";

const NO_CONTROL = "there is no platform outside";

export const platformAttacks: readonly Attack[] = [
  {
    name: "hold a million host calls open",
    code: {
      javascript: harmless(
        ["supervisor"],
        `
        let failed = 0;
        for (let n = 0; n < 1_000_000; n++) {
          kv.get("key " + n).catch(() => failed++);
          if (n % 10_000 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
        }
        return failed === 0;`,
        {
          noControl: NO_CONTROL,
          options: "MEMORY 256MB TIMEOUT 10s",
          ruinsItself: true,
        },
      ),
    },
  },
  {
    name: "store more than a value may hold",
    code: {
      javascript: refused(
        ["supervisor"],
        `
        await kv.set("large", "x".repeat(40 << 20));
        return true;`,
        { noControl: NO_CONTROL, options: "MEMORY 512MB" },
      ),
    },
  },
  {
    name: "make metrics without end",
    code: {
      javascript: watched(
        ["supervisor"],
        `export default { async fetch(request) {
          if (new URL(request.url).searchParams.has("again")) return new Response("again");
          for (let n = 0; n < 50_000; n++) {
            recordMetric("metric_" + n, n);
            if (n % 500 === 0) await kv.get("x");
          }
          return new Response("done");
        } };`,
        async ({ http, url, anonKey }) => {
          await (await fetch(url, { headers: { apikey: anonKey } })).text();
          const page = await (await fetch(http + "/metrics")).text();
          ok(page.length < 2 << 20, `/metrics has ${page.length} characters`);
        },
        { options: "MEMORY 256MB TIMEOUT 20s", ruinsItself: true },
      ),
    },
  },
];
