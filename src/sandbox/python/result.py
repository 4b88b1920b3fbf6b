"""
Sends what a handler returned, in the form the caller wants.

All of it is written once, as coroutines. In a worker thread nothing in them ever suspends: what has to
wait there blocks, and `finish` runs them to their end.
"""
import json
import re

from . import encode, frames, http, values
from .body_sender import BodySender
from .conventions import REQUEST
from .errors import ResponseTooLarge

_TEXT = "text/plain;charset=UTF-8"
_BINARY = "application/octet-stream"
_JSON = "application/json"
_JSON_LINES = "application/x-ndjson"
_BYTES = (bytes, bytearray, memoryview)
_BODILESS = (204, 205, 304)


def _encoded_head(status, headers):
    return json.dumps({"status": status, "headers": headers}).encode()


_JSON_HEAD = _encoded_head(200, ["content-type", _JSON])
_NO_CONTENT_HEAD = _encoded_head(204, [])


def finish(coroutine):
    """Runs a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise RuntimeError("a coroutine was left waiting")


class FailedResponse(Exception):
    """A status of 400 or above, to a caller who expected a value."""


class ResultSender:
    def __init__(self, outbox, form, encode_for_sql, max_bytes):
        self._outbox = outbox
        self._max_bytes = max_bytes
        self._form = form
        self._encode_for_sql = encode_for_sql

    async def send(self, call, result):
        if call.head["kind"] == "http":
            await self._answer(call, result)
        else:
            for_sql = call.head["shape"] == "arguments"
            encoder = self._encode_for_sql if for_sql else encode.encode
            await self._send_body(call, b"", await self._value(result, encoder))

    async def _answer(self, call, result):
        if isinstance(result, http.Response):
            return await self._respond(call, result)
        if is_stream(result):
            return await self._respond(call, http.Response(result))
        if self._form == REQUEST:
            if http.is_status_object(result):
                return await self._respond(call, http.response_of(result))
            if isinstance(result, _BYTES):
                return await self._respond(call, http.Response(result))
            if result is None:
                return await self._send_body(call, _NO_CONTENT_HEAD, b"")
        await self._send_body(call, _JSON_HEAD, encode.encode(result))

    async def _respond(self, call, response):
        status, headers = http.head_of(response)
        body = response.body
        if body is not None and status in _BODILESS:
            raise ValueError("a response with status %d has no body" % status)
        typed = any(name == "content-type" for name in headers[::2])
        if is_stream(body):
            return await self._stream(call, status, headers, typed, body)
        content, kind = _content(body)
        if kind is not None and not typed:
            headers = headers + ["content-type", kind]
        if call.head["method"] == "HEAD":
            content = b""
        await self._send_body(call, _encoded_head(status, headers), content)

    async def _send_body(self, call, head, body):
        if call.closed:
            return
        if len(body) > self._max_bytes or not head and len(body) > frames.MAX_RESULT_BYTES:
            raise ResponseTooLarge()
        if len(body) <= frames.INLINE_BODY_BYTES:
            payload = frames.with_head(head, body)
            self._outbox.put(frames.REPLY, frames.END | call.end_flags(), call.id, payload)
            return
        sender = self._begin(call, frames.with_head(head))
        if await sender.send(body):
            sender.end()

    def _begin(self, call, payload):
        call.sender = BodySender(self._outbox, call)
        if call.cancelled:
            call.sender.stop()
        self._outbox.put(frames.REPLY, 0, call.id, payload)
        return call.sender

    async def _stream(self, call, status, headers, typed, source):
        """The head goes with the first chunk, which says what the chunks are."""
        chunks = chunks_of(source)
        try:
            first = b""
            async for chunk in chunks:
                first = chunk
                break
            data, kind = _chunk(first)
            if not typed:
                headers = headers + ["content-type", kind]
            if call.closed:
                return
            head = _encoded_head(status, headers)
            if call.head["method"] == "HEAD":
                return await self._send_body(call, head, b"")
            inline = data if len(data) <= frames.INLINE_BODY_BYTES else b""
            sender = self._begin(call, frames.with_head(head, inline))
            if not inline and not await sender.send(data):
                return
            async for chunk in chunks:
                if not await sender.send(_chunk(chunk)[0]):
                    return
            sender.end()
        finally:
            await chunks.aclose()

    async def _value(self, result, encoder):
        """For a caller who wants a value: what an answer means is its body, and a failure is one."""
        if self._form == REQUEST and http.is_status_object(result):
            result = http.response_of(result)
        if isinstance(result, http.Response):
            return await _value_of_response(result)
        if is_stream(result):
            result = [chunk async for chunk in chunks_of(result)]
        return encoder(result)


def is_stream(value):
    return hasattr(value, "__next__") or hasattr(value, "__aiter__")


async def chunks_of(source):
    if hasattr(source, "__aiter__"):
        try:
            async for chunk in source:
                yield chunk
        finally:
            if hasattr(source, "aclose"):
                await source.aclose()
    else:
        try:
            for chunk in source:
                yield chunk
        finally:
            if hasattr(source, "close"):
                source.close()


def _chunk(value):
    """Bytes and content type of one chunk of a stream."""
    if isinstance(value, _BYTES):
        return bytes(value), _BINARY
    if isinstance(value, str):
        return value.encode("utf-8", "replace"), _TEXT
    return encode.encode(value) + b"\n", _JSON_LINES


def _content(body):
    """Bytes and content type of a whole body."""
    if body is None:
        return b"", None
    if isinstance(body, _BYTES):
        return bytes(body), _BINARY
    if isinstance(body, str):
        return body.encode("utf-8", "replace"), _TEXT
    return encode.encode(body), _JSON


_is_json = re.compile(r"application/(?:[\w.+-]+\+)?json\b", re.IGNORECASE).match
_is_text = re.compile(
    r"text/|.*charset|application/(?:xml|javascript|x-www-form-urlencoded)", re.IGNORECASE
).match


async def _value_of_response(response):
    status, headers = http.head_of(response)
    body, kind = response.body, None
    if is_stream(body):
        pieces = []
        async for chunk in chunks_of(body):
            data, chunk_kind = _chunk(chunk)
            kind = kind or chunk_kind
            pieces.append(data)
        content = b"".join(pieces)
    else:
        content, kind = _content(body)
    kind = http.header(headers, "content-type") or kind or ""
    if status >= 400:
        message = _message_in(content.decode("utf-8", "replace"))
        raise FailedResponse("the function answered with status %d: %s" % (status, message))
    if _is_json(kind):
        # What says it is JSON and is not fails here, in the function's own name.
        values.parse(content.decode("utf-8"))
        return content
    if not content:
        return b"null"
    return encode.encode(content.decode("utf-8", "replace") if _is_text(kind) else content)


def _message_in(body):
    """`{"error": "…"}` and `{"message": "…"}` are what most APIs send."""
    try:
        value = json.loads(body)
    except ValueError:
        return body
    if isinstance(value, dict):
        for name in ("error", "message"):
            if isinstance(value.get(name), str):
                return value[name]
    return body
