"""The function of an assignment: its handler, how that is called, and where its results go."""
import asyncio
import inspect

from . import encode, module
from .arguments import Inputs
from .conventions import Convention
from .extras import Extras
from .result import ResultSender, finish
from .sdk import Sdk, names

_SQL_JSON = (None, "json", "jsonb")


class Function:
    def __init__(self, assignment, path, source, host, outbox, report):
        """Runs the module. Raises whatever that raises. `report` logs what fails in the background."""
        self._report = report
        sdk = Sdk(host, assignment, report)
        loaded = module.load(path, source, names(sdk))
        name, self._handler = module.find_handler(loaded, assignment.get("style"))
        inputs = Inputs(assignment["parameters"])
        self._convention = Convention(
            name, self._handler, assignment["mode"], inputs, assignment["name"], Extras(sdk)
        )
        is_json = assignment["returns"] in _SQL_JSON
        encoder = encode.encode if is_json else encode.encode_typed
        self._results = ResultSender(
            outbox, self._convention.form, encoder, assignment["maxResponseBytes"]
        )
        self.is_async = module.is_async(self._handler)

    def run(self, call):
        """In a thread of the call's own."""
        result = self._handler(*self._convention.arguments(call))
        if inspect.isawaitable(result) or hasattr(result, "__aiter__"):
            # A plain function that returns a coroutine: it gets a loop of its own.
            asyncio.run(self._send(call, result))
        else:
            finish(self._results.send(call, result))

    def run_later(self, call):
        """What the call has left to do after its response, in the same thread."""
        for work in call.later:
            try:
                result = work() if callable(work) else work
                if inspect.isawaitable(result):
                    asyncio.run(_wait(result))
            except BaseException as error:
                self._report("Work given to wait_until failed", error)
            call.release()

    async def run_on_loop(self, call):
        await self._send(call, self._handler(*self._convention.arguments(call)))

    async def _send(self, call, result):
        await self._results.send(call, await result if inspect.isawaitable(result) else result)


async def _wait(awaitable):
    await awaitable
