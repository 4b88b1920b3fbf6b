"""`kv`: small values that all functions of a namespace share. Both ways, as `host.py` says."""


class KeyValue:
    def __init__(self, host):
        self._host = host

    def get(self, key, default=None):
        def unpack(found):
            return default if found is None else found["value"]

        return self._host.ask("kv.get", {"key": key}, unpack)

    def set(self, key, value, ttl=None):
        """`ttl` counts seconds."""
        return self._host.ask("kv.set", _with(ttl=ttl, key=key, value=value))

    def delete(self, key):
        """Returns whether it was there."""
        return self._host.ask("kv.delete", {"key": key})

    def increment(self, key, by=1, ttl=None):
        """Returns the new number. `ttl` is of a new key."""
        return self._host.ask("kv.increment", _with(ttl=ttl, key=key, by=by))

    def compare_and_set(self, key, expected, value, ttl=None):
        """Sets it if it is still what is expected, or still absent for `None`. Returns whether it was."""
        question = _with(ttl=ttl, key=key, value=value)
        if expected is not None:
            question["expected"] = expected
        return self._host.ask("kv.compareAndSet", question)

    def list(self, prefix=None, after=None, limit=None):
        """Returns `{"keys": […], "next": …}`; `next` is the `after` of the following page."""
        fields = {"prefix": prefix, "after": after, "limit": limit}
        given = {name: value for name, value in fields.items() if value is not None}
        return self._host.ask("kv.list", given)

    compareAndSet = compare_and_set


def _with(ttl, **fields):
    if ttl is not None:
        fields["ttl"] = ttl
    return fields
