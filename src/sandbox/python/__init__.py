"""
Everything that runs inside one Python instance.

The zygote loads this folder once as the package `_orla`, so that it stays clear of whatever names a
function's own modules have, imports what `preload.py` lists, and forks. The child confines itself and
then calls `instance.run`, which never returns:

    spec = importlib.util.spec_from_file_location(
        "_orla", folder + "/__init__.py", submodule_search_locations=[folder]
    )
    package = sys.modules["_orla"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    from _orla import instance, preload
    preload.load()                 # before the first fork, then gc.freeze()
    …
    instance.run(connection, started, options)    # in the child

Vocabulary. An *assignment* gives the instance its function. A *call* is one invocation. A function
whose handler is a coroutine function runs on the asyncio loop of the main thread, many calls at once;
every other one runs in worker threads, one call each, while the main thread reads the channel.

The function's code shares this process and can reach everything in it. That is no hole: the kernel
is the wall, and what can be forged on the channel concerns nobody but the function itself.
"""
