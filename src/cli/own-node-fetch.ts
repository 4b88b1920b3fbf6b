/** `fetch` from the node that runs with a data directory of ours, also when it speaks TLS. */
import http from "node:http";
import https from "node:https";

/**
 * The certificate is not checked: it is made for the name that clients use, and that this is our
 * own node the lock on its data directory has shown.
 */
export async function fetchOwnNode(url: string, init: RequestInit): Promise<Response> {
  const { method = "GET", headers, signal = null } = init;
  const body = await new Response(init.body ?? "").text();
  return await new Promise((resolve, reject) => {
    const { request } = url.startsWith("https:") ? https : http;
    const options = {
      ...{ method, headers: Object.fromEntries(new Headers(headers)), rejectUnauthorized: false },
      ...signal === null ? {} : { signal },
    };
    const asked = request(url, options, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => text += chunk);
      answer.on("error", reject);
      answer.on("end", () => {
        const { statusCode: status = 0, headersDistinct } = answer;
        const list = Object.entries(headersDistinct).flatMap(([name, values = []]) =>
          values.map((value): [string, string] => [name, value])
        );
        resolve(new Response(status === 204 ? null : text, { status, headers: list }));
      });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}
