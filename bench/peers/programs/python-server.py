"""The standard library's own server with one trivial handler, a thread for each connection."""
import http.server
import sys

BODY = b"Hello from the edge"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: otherwise the kernel waits 40 ms between them.
    wbufsize = -1

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "text/plain")
        self.send_header("content-length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("port %d" % server.server_port)
sys.stdout.flush()
server.serve_forever()
