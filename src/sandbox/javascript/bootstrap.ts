/**
 * The main module of every JavaScript instance. It starts *blank*: hardened, connected, without any
 * function. An assignment names a module file in the instance's own directory, which is imported;
 * from then on calls are run. It never ends by itself: the supervisor ends the process.
 *
 * The function's code is never the main module, because a main module's imports bypass the read
 * permission. That code shares this process and may replace any global or prototype; whatever is
 * used here after an assignment was taken beforehand. It can forge frames too, and the supervisor
 * believes none that concern anything but this instance's own calls.
 */
import { installCommonJs } from "./commonjs.ts";
import { Logger } from "./console.ts";
import { installDenoEnv, installProcess } from "./environment.ts";
import { describeThrown } from "./errors.ts";
import { harden } from "./harden.ts";
import { hostClient } from "./host-client.ts";
import { Instance } from "./instance.ts";
import { installPlatformGlobals } from "./platform-globals.ts";
import { installNetwork } from "./network.ts";
import { rehearse } from "./rehearsal.ts";
import { installRequestSignal } from "./request-signal.ts";
import { installResponse } from "./response.ts";
import { installRegistrations } from "./registrations.ts";
import { learnConnections } from "./sockets.ts";
import { installTimers } from "./timers.ts";
import { installUpgrade } from "./web-socket.ts";
import { Outbox } from "../../protocol/outbox.ts";
import { uncurryThis, viewOf } from "../../protocol/primordials.ts";

/** Relative to the working directory, which is the instance's own: socket paths are short of room. */
const SOCKET = "socket";
const STARTED = "started";

/** As much as one wake-up can take off the socket: a full window of body chunks for a few calls. */
const READ_BYTES = 64 * 1024;

installResponse();
installRequestSignal();
const started = Deno.openSync(STARTED, { write: true });
await rehearse(started, new URL("rehearsal", Deno.mainModule).href);
started.seekSync(0, Deno.SeekMode.Start);
started.writeSync(new Uint8Array(4));

const connection = await Deno.connect({ transport: "unix", path: SOCKET });
Deno.permissions.revokeSync({ name: "write" });

const read = uncurryThis(connection.read);
const write = uncurryThis(connection.write);
const outbox = new Outbox(async (bytes) => {
  let sent = 0;
  while (sent < bytes.length) sent += await write(connection, viewOf(bytes, sent));
});

const logger = new Logger(outbox);
const exit = Deno.exit;
const revoke = Deno.permissions.revokeSync.bind(Deno.permissions);
const instance = new Instance({
  outbox,
  logger,
  started,
  loadProcess: installProcess(),
  commonJsExports: installCommonJs(),
  lockDown: () => void revoke({ name: "read" }),
});
hostClient.connect(outbox);
installPlatformGlobals();
learnConnections(connection);
installNetwork();
installDenoEnv();
installRegistrations();
installUpgrade();
installTimers();
logger.installConsole();
harden();
instance.watchUncaught();

const buffer = new Uint8Array(READ_BYTES);
const lastWords = uncurryThis(Deno.stderr.writeSync);
const encode = uncurryThis(TextEncoder.prototype.encode);
const encoder = new TextEncoder();
try {
  for (;;) {
    const count = await read(connection, buffer);
    if (count === null) break; // the supervisor is gone
    instance.receive(viewOf(buffer, 0, count));
  }
} catch (error) {
  // The function has broken what Deno itself stands on.
  lastWords(Deno.stderr, encode(encoder, `${describeThrown(error).stack}\n`));
}
exit(1);
