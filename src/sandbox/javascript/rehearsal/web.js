export default async (request) => {
  globalThis.console.log("%s", request.method, { a: [1] });
  return new Response(await request.text() || "{}", { headers: { "x-rehearsal": "1" } });
};
