"""A small file server of our own, for downloads."""

import threading
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answers(BaseHTTPRequestHandler):
    """Serves the files of a folder, in the way that ``server.manner`` says."""

    def do_GET(self):
        self.server.asked.append(self.path)
        content = (self.server.folder / self.path.lstrip("/")).read_bytes()
        manner = self.server.manner
        if manner == "unavailable":
            self.send_error(503)
            return
        if manner == "rude":
            self.wfile.write(b"what?\r\n")
            return
        self.send_response(200)
        if manner == "chunked and cut":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"ffff\r\n" + content[:100])
            return
        if manner != "without length":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write({"cut": content[:-10], "other": content[::-1]}.get(manner, content))

    def log_message(self, *_):
        pass


@contextmanager
def serving(folder):
    """A server of the files of a folder, on ``server.server_port``; ``server.asked`` are the paths asked for."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.folder, server.manner, server.asked = folder, "", []
        thread = threading.Thread(target=partial(server.serve_forever, 0.01))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
