/**
 * Postgres with Orla's catalog, the SQL gateway in front of it and the callback endpoint behind it:
 * everything SQL passes through, with an invoker that the test gives.
 */
import pg from "pg";
import { createLogger } from "../src/base/log.ts";
import { type Catalog, openCatalog } from "../src/catalog/catalog.ts";
import { migrate } from "../src/catalog/migrate.ts";
import type { Call, Invoker, PayloadCall, ReplyTo } from "../src/functions/call.ts";
import type { FunctionVersion } from "../src/functions/function.ts";
import {
  type CallbackAddress,
  type CallbackEndpoint,
  type CallbackLimits,
  startCallbackEndpoint,
} from "../src/sqlgateway/callback.ts";
import {
  type SqlGateway,
  type SqlGatewayOptions,
  startSqlGateway,
} from "../src/sqlgateway/gateway.ts";
import { edgeTranslator } from "../src/sqlgateway/translate.ts";
import { startTestPostgres, type TestPostgres, type TestPostgresOptions } from "./postgres.ts";

export interface SqlRig extends AsyncDisposable {
  readonly postgres: TestPostgres;
  readonly gateway: SqlGateway;
  readonly catalog: Catalog;
  readonly callback: CallbackEndpoint;
  /** Superuser through the gateway. */
  readonly url: string;
  /** What gateway and endpoint reported as should-not-happen. Checked to be empty at the end. */
  readonly errors: unknown[];
  /** A connected client through the gateway. The caller ends it. */
  connect(options?: pg.ClientConfig): Promise<pg.Client>;
}

export interface SqlRigOptions {
  readonly answer?: AnswerCall;
  readonly gateway?: Partial<SqlGatewayOptions>;
  /** Where the callback endpoint listens; a unix socket in Postgres' directory by default. */
  readonly callback?: CallbackAddress;
  readonly callbackLimits?: Partial<CallbackLimits>;
  /** Gets instances of a version ready; at once by default. */
  readonly warm?: (version: FunctionVersion) => Promise<void>;
  readonly postgres?: TestPostgresOptions;
}

/** The trivial function body: arguments in, JSON out. */
export type AnswerCall = (call: PayloadCall, version: FunctionVersion) => Promise<string> | string;

const SOCKET_NUMBER = 6001;

export async function startSqlRig(options: SqlRigOptions = {}): Promise<SqlRig> {
  const stack = new AsyncDisposableStack();
  try {
    return await build(stack, options);
  } catch (thrown) {
    await stack.disposeAsync();
    throw thrown;
  }
}

async function build(stack: AsyncDisposableStack, options: SqlRigOptions): Promise<SqlRig> {
  const errors: unknown[] = [];
  const onError = (thrown: unknown) => void errors.push(thrown);
  const log = createLogger({ level: "error", format: "text", write: (line) => errors.push(line) });
  const postgres = stack.use(await startTestPostgres(options.postgres));
  const owner = new pg.Client({ connectionString: postgres.url });
  await owner.connect();
  await migrate(owner, log);
  await owner.end();
  const catalog = stack.use(
    await openCatalog({ connection: { connectionString: postgres.url }, log }),
  );
  const listen = options.callback ?? { path: `${postgres.socketDir}/.s.PGSQL.${SOCKET_NUMBER}` };
  const callback = stack.use(
    await startCallbackEndpoint({
      listen,
      password: await catalog.callbackPassword(),
      invoker: payloadInvoker(options.answer ?? ((call) => call.input)),
      warmer: { warm: options.warm ?? (() => Promise.resolve()) },
      versions: catalog,
      ...(options.callbackLimits && { limits: options.callbackLimits }),
      onError,
    }),
  );
  await catalog.registerNode({
    nodeId: "test",
    region: "local",
    version: "0",
    callbackHost: "path" in listen ? postgres.socketDir : listen.host,
    callbackPort: callback.port ?? SOCKET_NUMBER,
    sandbox: {},
  });
  const gateway = stack.use(
    await startSqlGateway({
      host: "127.0.0.1",
      port: 0,
      upstream: postgres.connect,
      translator: edgeTranslator,
      afterEdgeChange: () => catalog.sync(),
      onError,
      ...options.gateway,
    }),
  );
  const url = `postgres://postgres:${postgres.password}@127.0.0.1:${gateway.port}/postgres`;
  return {
    postgres,
    gateway,
    catalog,
    callback,
    url,
    errors,
    connect: async (config) => {
      const client = new pg.Client({ connectionString: url, ...config });
      await client.connect();
      return client;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function payloadInvoker(answer: AnswerCall): Invoker {
  return {
    async invoke<C extends Call>(version: FunctionVersion, call: C): Promise<ReplyTo<C>> {
      if (call.kind !== "payload") throw new Error("SQL makes payload calls only");
      const output = await answer(call, version);
      const reply = { kind: "payload", output, timing: { execMs: 0, coldMs: null } };
      // A payload call's reply is a PayloadReply, which TypeScript cannot see through C.
      return reply as ReplyTo<C>;
    },
  };
}
