"""Makes a module of the function's source and finds the handler in it."""
import inspect
import linecache
import os
import sys
import types

# In the order in which they are looked for.
HANDLER_NAMES = ("main", "handler", "fetch")


def load(path, source, scope):
    """
    Runs the source. Its file is called `<name>.py` in stacks, and its text is kept for them, as the
    file itself need not stay readable. `scope` holds what the code finds without importing it.
    """
    file_name = os.path.basename(path)
    name = name_of(path)
    text = source.decode("utf-8-sig")
    # Without a time the cache is never checked against the file.
    linecache.cache[file_name] = (len(text), None, text.splitlines(True), file_name)
    module = types.ModuleType(name)
    module.__dict__.update(scope)
    module.__file__ = file_name
    # Pickles and dataclasses look their classes' module up by name; a pickle from elsewhere has them in
    # the main module. A library of the function's name wins where its code imports that.
    sys.modules["__main__"] = module
    if name not in sys.modules and not _imports(source, name):
        sys.modules[name] = module
    code = compile(source, file_name, "exec", dont_inherit=True)
    exec(code, module.__dict__)
    return module


def _imports(source, name):
    """By words: compiling the code's text to know, or a pattern, would cost every start."""
    wanted = name.encode()
    if wanted not in source:
        return False
    for line in source.split(b"\n"):
        words = line.replace(b",", b" ").replace(b".", b" ").split()
        if words and words[0] in (b"import", b"from") and wanted in words:
            return True
    return False


def name_of(path):
    return os.path.splitext(os.path.basename(path))[0]


def find_handler(module, style):
    """`style` names the handler; anything else means the first one there is. Returns name, handler."""
    names = (style,) if style in HANDLER_NAMES else HANDLER_NAMES
    for name in names:
        handler = getattr(module, name, None)
        if callable(handler) and not isinstance(handler, type):
            return name, handler
    raise TypeError("the code defines no function %s" % " or ".join("`%s`" % name for name in names))


def is_async(handler):
    """Whether calling it gives something for the loop to run."""
    return any(
        inspect.iscoroutinefunction(candidate) or inspect.isasyncgenfunction(candidate)
        for candidate in (handler, getattr(handler, "__call__", None))
    )


class Parameter:
    """One that can be given by position."""

    __slots__ = ("name", "has_default")

    def __init__(self, name, has_default):
        self.name = name
        self.has_default = has_default


def positional_parameters(handler):
    """Those, and whether there is `*args` too."""
    if type(handler) is types.FunctionType and not hasattr(handler, "__wrapped__"):
        # What `inspect` would say: its machinery costs an instance a quarter of a megabyte.
        code = handler.__code__
        names = code.co_varnames[:code.co_argcount]
        first_default = len(names) - len(handler.__defaults__ or ())
        parameters = [Parameter(name, at >= first_default) for at, name in enumerate(names)]
        return parameters, bool(code.co_flags & inspect.CO_VARARGS)
    try:
        described = inspect.signature(handler).parameters.values()
    except (TypeError, ValueError):
        # Built-in callables need not tell.
        return [], True
    parameters = [
        Parameter(each.name, each.default is not each.empty) for each in described
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    return parameters, any(each.kind is each.VAR_POSITIONAL for each in described)
