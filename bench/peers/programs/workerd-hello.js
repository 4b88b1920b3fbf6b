/** The least a Worker does to answer over HTTP. */
export default {
  fetch() {
    return new Response("Hello from the edge");
  },
};
