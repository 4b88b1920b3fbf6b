/** What this folder needs of a database connection; `pg`'s Client, PoolClient and Pool have it. */
export interface Queryable {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}
