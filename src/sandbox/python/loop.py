"""The asyncio loop of a function whose handler is a coroutine function."""
import asyncio


class Loop(asyncio.SelectorEventLoop):
    pass


def make_loop():
    loop = Loop()
    asyncio.set_event_loop(loop)
    return loop
