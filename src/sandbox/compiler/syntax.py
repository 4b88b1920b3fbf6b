"""What is wrong with a function's code, or how it offers its handler. The code is not run."""
import ast
import difflib
import warnings

# In the order in which an instance looks for them.
_HANDLERS = ("main", "handler", "fetch")

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Mistake(Exception):
    def __init__(self, title, message, line, column, hint=None):
        """Line from 1, column from 0 in UTF-16 units."""
        super().__init__(message)
        self.fields = {
            "title": title, "message": message, "line": line, "column": column, "hint": hint,
        }


def check(code, parameter_count):
    """The handler's name. `parameter_count` is None for a function without an SQL signature."""
    tree = _compile(code)
    bound = dict(_bindings(tree.body))
    for name in _HANDLERS:
        if name in bound:
            _check_handler(code, name, bound[name], parameter_count)
            return name
    functions = [name for name, node in bound.items() if isinstance(node, _FUNCTIONS)]
    raise Mistake("NoHandler", "", 1, 0, _nearest(functions))


def _nearest(functions):
    for name in _HANDLERS:
        for near in difflib.get_close_matches(name, functions, 1):
            return "Did you mean %s instead of %s?" % (name, near)
    return "Rename %s to main." % functions[0] if len(functions) == 1 else "Define def main(…): …"


def _compile(code):
    try:
        with warnings.catch_warnings():
            # Of the author's making, and for a log at best.
            warnings.simplefilter("ignore")
            tree = ast.parse(code, "function.py")
            # Finds what the parser lets pass, such as `return` outside of a function.
            compile(tree, "function.py", "exec", dont_inherit=True)
            return tree
    except SyntaxError as error:
        raise _described(code, error) from None
    except (ValueError, UnicodeError) as error:
        # NUL, or half of a surrogate pair.
        raise Mistake("SyntaxError", str(error), 1, 0) from None


def _described(code, error):
    line = max(error.lineno or 1, 1)
    column = max((error.offset or 1) - 1, 0)
    title = type(error).__name__
    hint = None
    if isinstance(error, IndentationError) and error.msg == "unexpected indent" and _is_first(code, line):
        hint = "Let the code begin at the start of its lines."
    elif error.msg.startswith("invalid syntax") and error.text and error.text.lstrip().startswith("print "):
        hint = "This is Python 3, where print is a function."
    lines = _lines(code)
    if line > len(lines):
        line, column = len(lines), len(lines[-1])
    return Mistake(title, error.msg, line, _utf16(lines[line - 1], column), hint)


def _is_first(code, line):
    return all(not text.strip() or text.lstrip().startswith("#") for text in _lines(code)[:line - 1])


def _lines(code):
    """As the compiler counts them."""
    return code.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _utf16(text, column):
    return len(text[:column].encode("utf-16-le", "surrogatepass")) // 2


def _bindings(body):
    """Names that the module will have, with the node that gives each; later ones replace earlier."""
    for node in body:
        if isinstance(node, _FUNCTIONS + (ast.ClassDef,)):
            yield node.name, node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                for name in _names(target):
                    yield name, node
        elif isinstance(node, ast.AnnAssign):
            if node.value is not None:
                for name in _names(node.target):
                    yield name, node
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname or alias.name.split(".")[0]), node
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield (alias.asname or alias.name), node
        else:
            # if, try, with, for, while, match: whatever they hold may run.
            for field in ("body", "orelse", "finalbody"):
                inner = getattr(node, field, None)
                if isinstance(inner, list):
                    yield from _bindings(inner)
            for part in list(getattr(node, "handlers", ())) + list(getattr(node, "cases", ())):
                yield from _bindings(part.body)


def _names(target):
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, (ast.Tuple, ast.List)):
        for element in target.elts:
            yield from _names(element)


def _check_handler(code, name, node, parameter_count):
    def mistake(message, hint=None):
        column = len(_lines(code)[node.lineno - 1].encode()[:node.col_offset].decode("utf-8", "ignore"))
        text = _lines(code)[node.lineno - 1]
        return Mistake("Handler", message, node.lineno, _utf16(text, column), hint)

    if isinstance(node, ast.ClassDef):
        raise mistake("%s is a class" % name, "The handler %s must be a function." % name)
    if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(
        node.value, (ast.Constant, ast.List, ast.Dict, ast.Set, ast.Tuple, ast.JoinedStr)
    ):
        raise mistake("%s is not a function" % name, "The handler %s must be a function." % name)
    if not isinstance(node, _FUNCTIONS) or node.decorator_list:
        return
    arguments = node.args
    required = [
        argument.arg for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults)
        if default is None
    ]
    if required:
        raise mistake(
            "%s cannot be called without its keyword argument %s" % (name, required[0]),
            "Give it a default.",
        )
    if name != "main" or parameter_count is None:
        return
    positional = getattr(arguments, "posonlyargs", []) + arguments.args
    most = None if arguments.vararg is not None else len(positional)
    least = len(positional) - len(arguments.defaults)
    if parameter_count < least or (most is not None and parameter_count > most):
        raise mistake(
            "main takes %s, and the function declares %s"
            % (_counted(least, most), _plural(parameter_count, "parameter")),
            "Let main take the declared parameters, in their order.",
        )


def _counted(least, most):
    if most is None:
        return "at least " + _plural(least, "argument")
    if least == most:
        return _plural(most, "argument")
    return "%d to %s" % (least, _plural(most, "argument"))


def _plural(count, word):
    return "%d %s%s" % (count, word, "" if count == 1 else "s")
