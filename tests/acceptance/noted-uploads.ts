/** Buckets whose uploads are noted in the table `told (event jsonb)`. */
import type { SqlSession } from "./sql-session.ts";

export async function noteUploads(session: SqlSession, buckets: readonly string[]): Promise<void> {
  await session.rows(`
    CREATE TABLE told (event jsonb);
    CREATE EDGE FUNCTION tell LANGUAGE javascript AS $$
      export async function main(event) {
        const db = await connectToDatabase();
        await db.query("INSERT INTO told VALUES ($1)", [JSON.stringify(event)]);
      }
    $$`);
  for (const bucket of buckets) {
    await session.rows(
      `CREATE TRIGGER ${bucket} ON FILE_UPLOAD BUCKET '${bucket}' EXECUTE EDGE FUNCTION tell`,
    );
  }
}

export function notedOf(session: SqlSession, bucket: string): ReturnType<SqlSession["rows"]> {
  return session.rows("SELECT event FROM told WHERE event ->> 'bucket' = $1", [bucket]);
}
