export const handler = (request) => ({
  status: 200,
  headers: { "content-type": "text/plain" },
  body: request.body,
});
