/** Every form of a trigger's statements, as people write them: in lines, in any case, with comments. */
import assert from "node:assert/strict";
import { startOrlaProcess } from "../orla.ts";
import { eventually } from "../processes.ts";
import { openSession } from "./sql-session.ts";

const FORMS = `
-- An endpoint
CREATE TRIGGER http_check_member
ON HTTP POST '/api/check'
EXECUTE EDGE FUNCTION answer;
-- With a key
CREATE TRIGGER http_members_only
ON HTTP POST '/api/members'
WITH AUTH = 'bearer_token'
EXECUTE EDGE FUNCTION answer;
CREATE TRIGGER check_member_mail
BEFORE INSERT ON members
FOR EACH ROW
EXECUTE EDGE FUNCTION check_mail(NEW.mail);
/* A row */ create trigger before_member
before insert on members
for each row
execute edge function accept(new.*);
CREATE TRIGGER after_invoice_paid
AFTER UPDATE ON invoices
FOR EACH ROW
WHEN (NEW.status = 'paid')
EXECUTE EDGE FUNCTION tell(NEW.*);
-- A view
CREATE TRIGGER instead_of_member
INSTEAD OF INSERT ON member_view
FOR EACH ROW
EXECUTE EDGE FUNCTION accept(NEW.*);
CREATE TRIGGER nightly
ON SCHEDULE '0 0 * * *'
TIMEZONE 'UTC'
EXECUTE EDGE FUNCTION tell;
CREATE TRIGGER often
ON SCHEDULE '*/5 * * * *'
EXECUTE EDGE FUNCTION tell;
CREATE TRIGGER on_message
ON QUEUE 'member-events'
EXECUTE EDGE FUNCTION tell;
CREATE TRIGGER on_upload
ON FILE_UPLOAD BUCKET 'member-files'
EXECUTE EDGE FUNCTION tell;
ALTER TRIGGER on_message SET CONCURRENCY = 3;
DISABLE TRIGGER on_upload;
ENABLE TRIGGER on_upload;
DROP TRIGGER often;`;

Deno.test("every form is taken, in one query string, and each kind does its work", async () => {
  await using orla = await startOrlaProcess();
  await using session = await openSession(orla.sqlUrl);
  await session.rows(`
    CREATE TABLE members (id serial, name text, mail text);
    CREATE TABLE invoices (id int PRIMARY KEY, status text);
    CREATE TABLE told (what jsonb);
    CREATE VIEW member_view AS SELECT name, mail FROM members;
    CREATE EDGE FUNCTION check_mail(mail text) LANGUAGE javascript AS $$
      function main(mail) { return mail.includes("@"); } $$;
    CREATE EDGE FUNCTION accept LANGUAGE javascript AS $$ function main() { return true; } $$;
    CREATE EDGE FUNCTION answer LANGUAGE javascript AS $$ function main() { return { valid: true }; } $$;
    CREATE EDGE FUNCTION tell LANGUAGE javascript AS $$
      async function main(what) {
        const db = await connectToDatabase();
        await db.query("INSERT INTO told VALUES ($1)", [JSON.stringify(what)]);
      }
    $$;${FORMS}`);
  await session.rows(`
    INSERT INTO members (name, mail) VALUES ('Ada', 'ada@example.org');
    INSERT INTO member_view VALUES ('Bo', 'bo@example.org');
    INSERT INTO invoices VALUES (7, 'new'); UPDATE invoices SET status = 'paid';
    SELECT edge.enqueue('member-events', '{"kind": "message"}')`);
  assert.equal((await session.failure("INSERT INTO members (mail) VALUES ('x')")).code, "23514");
  const post = async (path: string, headers: HeadersInit = {}) => {
    const response = await fetch(orla.http + path, { method: "POST", headers, body: "{}" });
    return [response.status, response.ok ? await response.json() : await response.body?.cancel()];
  };
  assert.deepEqual(await post("/api/check"), [200, { valid: true }]);
  assert.equal((await post("/api/members"))[0], 401);
  assert.deepEqual(await post("/api/members", { authorization: `Bearer ${orla.serviceKey}` }), [
    200,
    { valid: true },
  ]);
  const put = await fetch(`${orla.http}/storage/v1/member-files/a.txt`, {
    method: "PUT",
    headers: { apikey: orla.serviceKey },
    body: "a",
  });
  await put.body?.cancel();
  assert.equal(put.ok, true);
  await session.rows("EXECUTE TRIGGER nightly");
  const told = async () =>
    (await session.rows(
      "SELECT coalesce(what ->> 'status', what ->> 'kind', what ->> 'trigger') AS t FROM told",
    ))
      .map(({ t }) => t);
  await eventually(async () => (await told()).length === 4, 20_000, "all are told");
  assert.deepEqual((await told()).sort(), ["message", "nightly", "on_upload", "paid"]);
  const listed = await session.rows("LIST EDGE TRIGGERS");
  assert.equal(listed.length, 9);
  for (const statement of ["http_check_member", "before_member"]) {
    assert.equal((await session.failure(`EXECUTE TRIGGER ${statement}`)).code, "0A000");
  }
});
