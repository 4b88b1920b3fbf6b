/** Functions in real instances, with an egress proxy that knows a small internet on loopback. */
import { startRig } from "../runtime/rig.ts";
import { certificate, netOptions } from "./rig.ts";
import { type DnsServer, startDnsServer } from "./dns-server.ts";

export async function startFunctionRig(
  options: Parameters<typeof startRig>[0] = {},
): Promise<Awaited<ReturnType<typeof startRig>> & { readonly dns: DnsServer }> {
  const dns = await startDnsServer();
  const net = netOptions(dns, { caCerts: [certificate.authority], ...options.net });
  const rig = await startRig({ ...options, net });
  return {
    ...rig,
    dns,
    async [Symbol.asyncDispose]() {
      await rig[Symbol.asyncDispose]();
      await dns[Symbol.asyncDispose]();
    },
  };
}
