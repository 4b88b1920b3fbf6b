"""`sdk` and the other things a function finds without importing them."""
import asyncio
import inspect

from .call import current
from .database import Connection, Database
from .host import DatabaseError, HostError
from .http import Response
from .kv import KeyValue
from .storage import Storage


class Secrets:
    """Stands where secrets will be, and says so when it is used instead of failing obscurely."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotImplementedError("secrets.%s is not available: this version has no secrets" % name)


class Utilities:
    """The `utils` of handlers that ask for it."""

    def __init__(self, sdk):
        self.is_cancelled = self.isCancelled = sdk.is_cancelled
        self.get_execution_context = self.getExecutionContext = sdk.execution_context
        self.wait_until = self.waitUntil = sdk.wait_until


class Sdk:
    def __init__(self, host, assignment, report):
        """`report` logs what went wrong: a sentence, and the exception."""
        self._host = host
        self._report = report
        self.db = Database(host, {})
        self.service_db = Database(host, {"as": "service"})
        self.kv = KeyValue(host)
        self.storage = Storage(host)
        self.secrets = Secrets()
        # As the function's author set them; what it changes in os.environ is its own affair.
        self.env = dict(assignment["env"])
        self.project_id = self.projectId = assignment["namespace"]
        self.function_name = assignment["name"]
        self.function_version = assignment["version"]

    def is_cancelled(self):
        """Whether the caller went away or the time is up."""
        call = current.get()
        return call is not None and call.cancelled

    def wait_until(self, work):
        """
        Work that goes on after the response: in a coroutine something to await, which runs from now
        on; in a plain function something to call, which is called after the response.
        """
        call = current.get()
        if call is None:
            raise RuntimeError("wait_until is for the time of a call")
        if call.task is None:
            if not callable(work) and not inspect.isawaitable(work):
                raise TypeError("wait_until wants a function, not %s" % type(work).__name__)
            call.add_work()
            call.later.append(work)
            return
        task = asyncio.ensure_future(work)
        call.add_work()
        task.add_done_callback(lambda _: self._over(call, task))

    def _over(self, call, task):
        if not task.cancelled() and task.exception() is not None:
            self._report("Work given to wait_until failed", task.exception())
        call.release()

    def execution_context(self):
        """
        About the call that is running, named as in system.edge_function_executions; `event_id` is the
        same each time an event is tried. RuntimeError while no call is running.
        """
        call = current.get()
        if call is None:
            raise RuntimeError("get_execution_context() is for the time of a call")
        cause = call.head.get("cause") or {}
        user = call.head.get("user")
        return {
            "execution_id": call.execution_id,
            "function_name": self.function_name,
            "namespace": self.project_id,
            "version": self.function_version,
            "trigger_name": cause.get("triggerName"),
            "event_id": cause.get("eventId"),
            "attempt": cause.get("attempt"),
            "user": user and {name: user[name] for name in ("id", "email", "role")},
        }

    def connect(self, options=None, role=None):
        """A connection of one's own, with the caller's rights or, `role="service"`, the owner's."""
        role = role or (options or {}).get("role")
        if role not in (None, "caller", "service"):
            raise ValueError("a role is 'caller' or 'service', not %r" % (role,))
        return Connection(self._host, {} if role is None else {"as": role})

    def record_metric(self, name, value):
        return self._host.ask("metric", {"name": name, "value": value})

    isCancelled = is_cancelled
    waitUntil = wait_until
    recordMetric = record_metric
    get_execution_context = getExecutionContext = execution_context


def names(sdk):
    """What the function's module starts with."""
    return {
        "sdk": sdk,
        "kv": sdk.kv,
        "storage": sdk.storage,
        "secrets": sdk.secrets,
        "connect_to_database": sdk.connect,
        "connectToDatabase": sdk.connect,
        "get_db_connection": sdk.connect,
        "getDbConnection": sdk.connect,
        "get_execution_context": sdk.execution_context,
        "getExecutionContext": sdk.execution_context,
        "record_metric": sdk.record_metric,
        "recordMetric": sdk.record_metric,
        "Response": Response,
        "DatabaseError": DatabaseError,
        "HostError": HostError,
    }
