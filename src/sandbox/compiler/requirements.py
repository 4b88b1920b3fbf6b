"""
REQUIREMENTS: which of them the environment does not have. Nothing is ever downloaded.

A requirement is a distribution's name, perhaps with extras, which are not looked at, and versions:
`numpy`, `numpy>=1.24,<3`, `requests[socks]==2.*`. Versions compare as PEP 440 says, by release number
and pre-release; local parts, epochs and environment markers are refused.
"""
import importlib.metadata
import re

_REQUIREMENT = re.compile(
    r"^\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[A-Za-z0-9._,\s-]*\])?\s*(.*?)\s*$"
)
_CLAUSE = re.compile(r"^(===|==|!=|~=|<=|>=|<|>)\s*v?(\d+(?:\.\d+)*)((?:a|b|rc)\d+)?(\.\*)?$")
_VERSION = re.compile(
    r"^v?(\d+(?:\.\d+)*)[-_.]?(?:(a|alpha|b|beta|c|rc|pre|preview)[-_.]?(\d*))?"
    r"(?:[-_.]?(post|rev|r)[-_.]?(\d*))?(?:[-_.]?(dev)[-_.]?(\d*))?(?:\+.*)?$",
    re.IGNORECASE,
)
_STAGES = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}
_FINAL_PLACE = (3, 0)


def missing(wanted):
    """Those that are not there, each with what is there instead, for people."""
    answers = [_problem(requirement) for requirement in wanted]
    return [answer for answer in answers if answer is not None]


def _problem(requirement):
    match = _REQUIREMENT.match(requirement)
    clauses = [clause.strip() for clause in match.group(2).split(",")] if match and match.group(2) else []
    if match is None or not all(_CLAUSE.match(clause) for clause in clauses):
        return "%s (not understood: write name, name==1.2 or name>=1.2,<2)" % requirement
    try:
        installed = importlib.metadata.version(match.group(1))
    except importlib.metadata.PackageNotFoundError:
        return "%s (not installed)" % requirement
    if all(_holds(installed, clause) for clause in clauses):
        return None
    return "%s (%s is installed)" % (requirement, installed)


def _holds(installed, clause):
    operator, release, stage, any_more = _CLAUSE.match(clause).groups()
    if operator == "===":
        return installed == release + (stage or "")
    have, want = _key(installed), _key(release + (stage or ""))
    if have is None:
        return False
    numbers = [int(part) for part in release.split(".")]
    if any_more:
        same = _padded(have[0], len(numbers))[:len(numbers)] == numbers
        return same if operator == "==" else operator == "!=" and not same
    if operator == "~=":
        prefix = numbers[:-1]
        return have >= want and _padded(have[0], len(prefix))[:len(prefix)] == prefix
    same_release = have[0] == want[0]
    if operator == "<" and same_release and want[1] == _FINAL_PLACE:
        return False  # Not even its pre-releases.
    if operator == ">" and same_release and have[2] > want[2]:
        return False  # Nor its post-releases.
    return {
        "==": have == want, "!=": have != want, "<": have < want, "<=": have <= want, ">": have > want,
        ">=": have >= want,
    }[operator]


def _padded(numbers, length):
    return list(numbers) + [0] * (length - len(numbers))


def _key(version):
    """Compares as versions do; None for what is no version."""
    match = _VERSION.match(version)
    if match is None:
        return None
    release, stage, stage_number, post, post_number, dev, dev_number = match.groups()
    numbers = [int(part) for part in release.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    place = (_STAGES[stage.lower()], int(stage_number or 0)) if stage else _FINAL_PLACE
    if dev and not stage and not post:
        place = (-1, 0)
    after = (1, int(post_number or 0)) if post else (0, 0)
    return numbers, place, after, (0, int(dev_number or 0)) if dev else (1, 0)
