"""
The frames of `src/protocol/frame.ts`, which says what they mean:
`[u32 payload length][u8 type][u8 flags][u32 call id][payload]`, big-endian.
"""
import struct

ASSIGN = 1
READY = 2
CALL = 3
REPLY = 4
BODY = 5
CREDIT = 6
CANCEL = 7
ERROR = 8
DONE = 9
LOG = 10
PING = 11
PONG = 12
SOCKET_TEXT = 13
SOCKET_BINARY = 14
SOCKET_CLOSE = 15
UNHEALTHY = 16
HOST_CALL = 17
HOST_REPLY = 18

HIGHEST_TYPE = HOST_REPLY

# Flags.
END = 1
BACKGROUND = 2

# Indexes of log levels.
DEBUG, INFO, WARN, SEVERE = range(4)

MAX_PAYLOAD_BYTES = 1 << 20
INLINE_BODY_BYTES = 64 * 1024
CHUNK_BYTES = 64 * 1024
INITIAL_CREDIT = 4 * CHUNK_BYTES
# A result is held in memory whole and ends in one SQL value or one response.
MAX_RESULT_BYTES = 32 << 20

_HEADER = struct.Struct(">IBBI")
_pack_header = _HEADER.pack
_unpack_header = _HEADER.unpack_from
_UINT32 = struct.Struct(">I")
_HEADER_BYTES = _HEADER.size


class ProtocolError(Exception):
    """The bytes are not this protocol's."""


class ProtocolLimit(ProtocolError):
    """More than the protocol allows of something."""


def encode(kind, flags, call_id, payload=b""):
    size = len(payload)
    if size > MAX_PAYLOAD_BYTES:
        raise ProtocolLimit("a frame of %d bytes is over the limit of %d" % (size, MAX_PAYLOAD_BYTES))
    return _pack_header(size, kind, flags, call_id) + payload


def uint32(value):
    return _UINT32.pack(value)


def read_uint32(payload, offset=0):
    return _UINT32.unpack_from(payload, offset)[0]


def with_head(head, body=b""):
    """The payload of a `call` or `reply`."""
    return _UINT32.pack(len(head)) + head + body


def split_head(payload):
    if len(payload) < 4:
        raise ProtocolError("a head is longer than its frame")
    end = 4 + read_uint32(payload)
    if end > len(payload):
        raise ProtocolError("a head is longer than its frame")
    return payload[4:end], payload[end:]


class Decoder:
    """Cuts a byte stream into frames."""

    def __init__(self):
        self._rest = b""

    def push(self, chunk):
        """Returns the frames completed by the chunk as `(type, flags, call id, payload)`."""
        data = self._rest + chunk if self._rest else chunk
        frames = []
        offset = 0
        length = len(data)
        while length - offset >= _HEADER_BYTES:
            size, kind, flags, call_id = _unpack_header(data, offset)
            if size > MAX_PAYLOAD_BYTES:
                raise ProtocolLimit(
                    "a frame of %d bytes is over the limit of %d" % (size, MAX_PAYLOAD_BYTES)
                )
            start = offset + _HEADER_BYTES
            end = start + size
            if end > length:
                break
            if not 0 < kind <= HIGHEST_TYPE:
                raise ProtocolError("unknown frame type %d" % kind)
            frames.append((kind, flags, call_id, data[start:end]))
            offset = end
        self._rest = data[offset:] if offset < length else b""
        return frames

    @property
    def pending_bytes(self):
        """Bytes of a frame that is still incomplete."""
        return len(self._rest)
