/** Loads the function that the path names into an isolate of its own, the first time it is named. */
const code = 'export default { fetch() { return new Response("Hello from the edge"); } };';

export default {
  fetch(request, env) {
    const worker = env.LOADER.get(new URL(request.url).pathname, () => ({
      compatibilityDate: "2026-01-01",
      mainModule: "function.js",
      modules: { "function.js": code },
      globalOutbound: null,
    }));
    return worker.getEntrypoint().fetch(request);
  },
};
