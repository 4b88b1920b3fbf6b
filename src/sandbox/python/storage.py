"""`storage`: reads the objects of buckets whose uploads the function is told of."""
import base64

_PIECE_BYTES = 1024 * 1024


class Storage:
    def __init__(self, host):
        self._host = host

    def head(self, bucket, name):
        """Returns size, contentType, etag and uploadedAt, or `None` where there is nothing."""

        def unpack(found):
            return None if found is None else found["object"]

        return self._host.ask("storage.read", {"bucket": bucket, "name": name, "length": 0}, unpack)

    def read(self, bucket, name, offset=0, length=_PIECE_BYTES):
        """At most a megabyte from `offset` on, empty at the end; `None` where there is nothing."""

        def unpack(found):
            return None if found is None else base64.b64decode(found["data"])

        question = {"bucket": bucket, "name": name, "offset": offset, "length": length}
        return self._host.ask("storage.read", question, unpack)
