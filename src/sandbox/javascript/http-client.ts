/**
 * `Deno.createHttpClient`: what it says about connections concerns those to the egress proxy, so
 * what would have to concern the host is refused rather than ignored.
 */
const nativeCreate = Deno.createHttpClient;
const TypeMistake = TypeError;

const UNAVAILABLE = [
  ["proxy", "all requests go through the platform's own"],
  ["caCerts", "node:https and Deno.connectTls take certificates to trust"],
  ["cert", "node:https takes client certificates"],
  ["key", "node:https takes client certificates"],
  ["localAddress", "connections are made by the platform"],
] as const;

function createHttpClient(options: Deno.CreateHttpClientOptions): Deno.HttpClient {
  for (let i = 0; i < UNAVAILABLE.length; i++) {
    const [name, why] = UNAVAILABLE[i]!; // in range
    if ((options as Record<string, unknown>)[name] === undefined) continue;
    throw new TypeMistake(
      `The option ${name} of Deno.createHttpClient is not available here: ${why}`,
    );
  }
  return nativeCreate(options);
}

export function installHttpClient(): void {
  Object.defineProperty(Deno, "createHttpClient", {
    value: createHttpClient,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}
