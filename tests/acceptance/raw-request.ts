/** Requests that `fetch` would tidy up first: any path, any Host, any headers twice. */
export async function rawRequest(
  base: string,
  head: string,
  body: Uint8Array<ArrayBuffer> = new Uint8Array(),
): Promise<{ status: number; headers: Headers; text: string }> {
  const { hostname, port } = new URL(base);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const lines = head.trim().split("\n").map((line) => line.trim());
  const named = lines.some((line) => /^host:/i.test(line)) ? lines : [...lines, "host: x"];
  const writer = connection.writable.getWriter();
  await writer.write(
    new TextEncoder().encode(
      `${named.join("\r\n")}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`,
    ),
  );
  if (body.length > 0) await writer.write(body);
  writer.releaseLock();
  const answer = await new Response(connection.readable).text();
  const end = answer.indexOf("\r\n\r\n");
  const [first = "", ...rest] = answer.slice(0, end).split("\r\n");
  const headers = new Headers(rest.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  }));
  return { status: Number(first.split(" ")[1]), headers, text: answer.slice(end + 4) };
}
