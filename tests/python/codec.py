"""
Speaks with the platform's own encoder and decoder: `python3 -I codec.py <folder>` reads frames from
standard input in every way a stream can be cut in two, and byte by byte, and writes them again.
"""
import os
import sys

from harness import load

load(sys.argv[1])
from _orla import frames  # noqa: E402

data = sys.stdin.buffer.read()
whole = frames.Decoder().push(data)
for cut in range(len(data) + 1):
    decoder = frames.Decoder()
    assert decoder.push(data[:cut]) + decoder.push(data[cut:]) == whole, cut
    assert decoder.pending_bytes == 0
decoder = frames.Decoder()
assert [frame for at in range(len(data)) for frame in decoder.push(data[at:at + 1])] == whole
decoder = frames.Decoder()
decoder.push(data[:-1])
assert decoder.pending_bytes > 0


def refused(bad):
    try:
        frames.Decoder().push(bad)
    except frames.ProtocolError:
        return True
    return False


assert refused(frames.uint32(frames.MAX_PAYLOAD_BYTES + 1) + bytes(6))
assert refused(bytes(10)), "type 0"
assert refused(frames.uint32(0) + bytes([frames.HIGHEST_TYPE + 1]) + bytes(5))
try:
    frames.encode(frames.LOG, 0, 0, bytes(frames.MAX_PAYLOAD_BYTES + 1))
except frames.ProtocolError:
    pass
else:
    raise AssertionError("an oversized frame was made")
for bad in (b"", b"\0\0\0", frames.uint32(5) + b"1234"):
    try:
        frames.split_head(bad)
    except frames.ProtocolError:
        continue
    raise AssertionError(bad)
assert frames.split_head(frames.with_head(b"head", b"body")) == (b"head", b"body")
sys.stdout.buffer.write(b"".join(frames.encode(*frame) for frame in whole))
sys.stdout.buffer.flush()
os._exit(0)
