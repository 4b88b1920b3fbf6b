/**
 * One SQL session of a test, with node-postgres as it comes.
 *
 *     await using session = await openSession(orla.sqlUrl);
 *     assert.equal(await session.value("SELECT f(1)"), 2);
 */
import pg from "pg";

export type Row = Record<string, unknown>;

export class SqlSession implements AsyncDisposable {
  readonly client: pg.Client;
  #closed = false;

  constructor(client: pg.Client) {
    this.client = client;
  }

  /** Runs one statement, or several in one query string; then the rows of the last one. */
  async rows(text: string, values?: unknown[]): Promise<Row[]> {
    // node-postgres answers several statements with an array, which its types do not say.
    const result: unknown = await this.client.query(text, values);
    const last = Array.isArray(result) ? result.at(-1) : result;
    return (last as pg.QueryResult<Row>).rows;
  }

  /** The first column of the first row. */
  async value(text: string, values?: unknown[]): Promise<unknown> {
    const [row] = await this.rows(text, values);
    if (row === undefined) throw new Error(`no row: ${text}`);
    return Object.values(row)[0];
  }

  /** The error that Postgres, or Orla in its place, answers with. */
  async failure(text: string, values?: unknown[]): Promise<pg.DatabaseError> {
    try {
      await this.client.query(text, values);
    } catch (thrown) {
      if (thrown instanceof pg.DatabaseError) return thrown;
      throw thrown;
    }
    throw new Error(`was expected to fail: ${text}`);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.client.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

export async function openSession(url: string, config: pg.ClientConfig = {}): Promise<SqlSession> {
  const client = new pg.Client({ connectionString: url, ...config });
  // The end of an idle connection; a query under way rejects by itself.
  client.on("error", () => {});
  await client.connect();
  return new SqlSession(client);
}
