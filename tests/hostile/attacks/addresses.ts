/** Reaching what only the machine itself may reach, in every notation. */
import { type Attack, type AttackCode, refused } from "../attack.ts";

type Walls = AttackCode["walls"];
const POLICY: Walls = ["permissions", "egress", "landlock"];

/** Whether anything answers, or at least takes the connection. */
const fetches = (url: string, more: Partial<AttackCode> = {}, walls: Walls = POLICY) =>
  refused(
    walls,
    `const url = ${url};
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    await response.body?.cancel();
    return response.status > 0 && response.headers.get("x-reached") === "yes";`,
    more,
  );

const NETWORK: Walls = ["egress", "landlock"];
const urlopen = (url: string, more: Partial<AttackCode> = {}) =>
  refused(
    NETWORK,
    `import urllib.request
url = ${url}
with urllib.request.urlopen(url, timeout=2) as response:
    return response.headers.get("x-reached") == "yes"`,
    more,
  );

/** Spellings of one address; \`%\` stands for the port. */
const LOOPBACK: readonly (readonly [name: string, host: string])[] = [
  ["by its address", "127.0.0.1"],
  ["by name", "localhost"],
  ["in another of its addresses", "127.9.8.7"],
  ["as one number", "2130706433"],
  ["in hexadecimal", "0x7f000001"],
  ["in octal", "0177.0.0.1"],
  ["in short", "127.1"],
  ["as the address of nobody", "0.0.0.0"],
  ["in full-width digits", "１２７.０.０.１"],
  ["with the dots of another alphabet", "127。0。0。1"],
];

const LISTENS_ON_V4 = "what listens has no such address";

/** IPv6 forms of it. Deno's own rules know only \`::\` and \`::1\`. */
const SIX: readonly (readonly [name: string, host: string])[] = [
  ["in IPv6", "[::1]"],
  ["as the IPv6 address of nobody", "[::]"],
  ["as an IPv4 address mapped into IPv6", "[::ffff:127.0.0.1]"],
  ["mapped and in hexadecimal", "[::ffff:7f00:1]"],
  ["in the compatible form of IPv6", "[::127.0.0.1]"],
  ["translated (NAT64)", "[64:ff9b::7f00:1]"],
];

const PRIVATE: readonly (readonly [name: string, host: string])[] = [
  ["the metadata of a cloud machine", "169.254.169.254"],
  ["a private network, 10/8", "10.0.0.1"],
  ["a private network, 172.16/12", "172.16.0.1"],
  ["a private network, 192.168/16", "192.168.0.1"],
  ["a carrier's network", "100.64.0.1"],
  ["a multicast group", "224.0.0.1"],
  ["a unique local IPv6 network", "[fd00::1]"],
  ["a link-local IPv6 network", "[fe80::1]"],
];

const quoted = (host: string) => `"http://${host}:" + target.port + "/"`;
const pyQuoted = (host: string) => `"http://${host}:%d/" % target["port"]`;

function toLoopback([name, host]: readonly [string, string]): Attack {
  const ascii = /^[\x20-\x7e]+$/.test(host);
  return {
    name: `reach loopback ${name}`,
    code: {
      javascript: fetches(quoted(host)),
      ...ascii ? { python: urlopen(pyQuoted(host)) } : {},
    },
  };
}

function toLoopbackSix([name, host]: readonly [string, string]): Attack {
  const noControl = LISTENS_ON_V4;
  return {
    name: `reach loopback ${name}`,
    code: {
      javascript: fetches(quoted(host), { noControl }),
      python: urlopen(pyQuoted(host), { noControl }),
    },
  };
}

function toPrivate([name, host]: readonly [string, string]): Attack {
  const noControl = "nobody is there";
  return {
    name: `reach ${name}`,
    code: {
      javascript: fetches(`"http://${host}/"`, { noControl }),
      python: urlopen(`"http://${host}/"`, { noControl }),
    },
  };
}

const MAY_REACH_REDIRECT = { options: "ALLOW_NET ('127.0.0.1:%redirect%')" };

export const addressAttacks: readonly Attack[] = [
  ...LOOPBACK.map(toLoopback),
  ...SIX.map(toLoopbackSix),
  ...PRIVATE.map(toPrivate),
  {
    name: "reach loopback by a name that resolves to the machine",
    code: {
      javascript: fetches(`"http://" + target.hostname + ":" + target.port + "/"`, {
        noControl: LISTENS_ON_V4,
      }),
      python: urlopen(`"http://%s:%d/" % (target["hostname"], target["port"])`, {
        noControl: LISTENS_ON_V4,
      }),
    },
  },
  {
    name: "reach loopback with user and password in the URL",
    code: {
      javascript: refused(
        POLICY,
        `const { hostname, port } = new URL("http://example.com@127.0.0.1:" + target.port);
        const socket = await Deno.connect({ hostname, port: Number(port) });
        socket.close();
        return true;`,
      ),
    },
  },
  {
    name: "be sent to loopback by a host it may reach",
    code: {
      javascript: fetches(`"http://127.0.0.1:" + target.redirectPort + "/"`, MAY_REACH_REDIRECT),
      python: urlopen(`"http://127.0.0.1:%d/" % target["redirectPort"]`, MAY_REACH_REDIRECT),
    },
  },
];
