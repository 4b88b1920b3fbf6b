"""
How each handler is called, from either side.

`main` wants the declared SQL parameters, or the one payload of a function without any; `handler` wants
the payload and, if it has a second parameter, the SDK. A handler whose first parameter is called
`request` or `req`, and every `fetch`, wants the request instead. HANDLER = 'request' or 'payload'
overrides. A caller from the other side gets a bridge: payloads become a POST of JSON, HTTP bodies
become payloads.
"""
from . import encode
from .http import Request, payload_as_http
from .module import positional_parameters

REQUEST, PAYLOAD, PARAMETERS = "request", "payload", "parameters"


class Convention:
    """Everything about calling that can be known when the module has been imported."""

    def __init__(self, handler_name, handler, mode, inputs, name, extras):
        parameters, self._takes_any = positional_parameters(handler)
        self._arity = len(parameters)
        self.form = _form(handler_name, mode, parameters, inputs)
        self._inputs = inputs
        self._name = name
        self._extras = [
            extras.value(self.form, parameter.name, index)
            for index, parameter in enumerate(parameters[1:], 1)
            if not parameter.has_default or extras.knows(parameter.name)
        ] if self.form != PARAMETERS else []

    def arguments(self, call):
        if self.form == PARAMETERS:
            arguments = self._inputs.arguments(call, self._arity)
            # `main()` of a function that declares nothing takes no payload either.
            return [] if self._ignores_payload() else arguments
        if self._arity == 0 and not self._takes_any:
            return []
        first = self._request(call) if self.form == REQUEST else self._inputs.payload(call)
        return [first] + self._extras

    def _ignores_payload(self):
        return self._arity == 0 and not self._takes_any and not self._inputs.declared

    def _request(self, call):
        head = call.head
        if head["kind"] == "http":
            return Request(head, call.body)
        if head["shape"] == "payload":
            body = call.body or b"null"
        else:
            body = encode.encode(self._inputs.payload(call))
        return Request(payload_as_http(body, head, self._name), body)


def _form(handler_name, mode, parameters, inputs):
    if mode == "request":
        return REQUEST
    if mode != "payload":
        if handler_name == "fetch":
            return REQUEST
        wants_request = len(parameters) > 0 and parameters[0].name in ("request", "req")
        if wants_request and not (handler_name == "main" and inputs.count > 0):
            return REQUEST
    return PARAMETERS if handler_name == "main" else PAYLOAD
