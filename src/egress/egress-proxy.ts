/**
 * The one way out of every instance: a proxy on loopback that knows which function is asking, looks
 * up names itself, and connects to the very address it has judged.
 *
 * ## For those who write what runs inside an instance
 *
 * **Address and credentials.** `127.0.0.1` and the port come with the assignment, as
 * `egress: { port, token }`. Each request carries `Proxy-Authorization: Basic base64("orla:" + token)`;
 * `Bearer <token>` is as good. For programs that read the environment the proxy's URL is
 * `http://orla:<token>@127.0.0.1:<port>`, for `HTTP_PROXY`, `HTTPS_PROXY` and `ALL_PROXY` alike.
 * The token belongs to one process and dies with it.
 *
 * **Any TCP connection, TLS inside it:** `CONNECT host:port HTTP/1.1`, a `Host` line and the
 * credentials, an empty line. `host` is a name, an IPv4 address or `[an IPv6 address]`; names are
 * sent as they are, nothing resolves them before. `HTTP/1.1 200` and an empty line answer it; from
 * then on bytes pass unchanged in both directions, each of which can be closed by itself. The reply
 * has no body and nothing is sent ahead of it, so a client may read it byte by byte.
 *
 * **HTTP requests** may also be given to the proxy as they are, with an absolute URL in the request
 * line: `GET http://host/path HTTP/1.1`. With `https://` the proxy speaks TLS to the host and checks
 * its certificate. `GET /https://host/path`, the URL behind a slash, means the same, for clients
 * that cannot send an absolute one. Connections are kept alive, bodies are streamed both ways,
 * `Upgrade` works. `Host` is taken from the URL; a `traceparent` is added where there is none.
 * Redirects are answers like others.
 *
 * **Answers of the proxy's own**, for both kinds, carry `Orla-Egress: <code>` (taken out of what
 * hosts answer) and a body of JSON, `{"error": {"code", "message"}}`, with a sentence for people:
 *
 * | status | code               | meaning                                                          |
 * | ------ | ------------------ | ---------------------------------------------------------------- |
 * | 400    | `bad_request`      | the request is not as above                                      |
 * | 403    | `not_allowed`      | a rule forbids it: `10.0.0.1 is a private address`               |
 * | 407    | `unauthenticated`  | no token, or one that is not (or no longer) valid                |
 * | 431    | `head_too_large`   | request line and headers                                         |
 * | 502    | `name_not_found`   | the name has no address                                          |
 * | 502    | `connect_failed`   | nobody listens there, or the network is down                     |
 * | 502    | `tls_failed`       | the host's certificate is not valid for its name, or no TLS      |
 * | 502    | `bad_response`     | the host does not speak HTTP, or ended before it had answered    |
 * | 503    | `too_many`         | the instance has too many connections open                       |
 * | 504    | `connect_timeout`  | the host did not accept in time                                  |
 */
