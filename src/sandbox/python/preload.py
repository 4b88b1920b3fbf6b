"""
What the zygote imports before its first fork: a child shares these pages with it, and starts with them
at once.
"""
import importlib

from . import environment, logs, network, rehearsal

# The libraries that functions commonly use. What this machine's Python was built without is left out.
_MODULES = """
    abc argparse array ast asyncio base64 bisect binascii builtins bz2 calendar cmath codecs
    collections collections.abc colorsys concurrent.futures concurrent.futures.thread configparser
    contextlib contextvars copy copyreg csv dataclasses datetime decimal difflib
    email email.charset email.encoders email.generator email.header email.message email.mime.multipart
    email.mime.text email.parser email.policy email.utils
    encodings.ascii encodings.cp1252 encodings.idna encodings.latin_1 encodings.punycode
    encodings.unicode_escape encodings.utf_16 encodings.utf_8 encodings.utf_8_sig
    enum errno fnmatch fractions functools gc getpass gettext glob graphlib gzip hashlib heapq hmac html
    html.entities html.parser http http.client http.cookiejar http.cookies imaplib inspect io ipaddress
    itertools json json.decoder json.encoder json.scanner keyword linecache locale logging
    logging.handlers lzma math mimetypes netrc numbers operator os os.path pathlib pickle pkgutil
    platform pprint queue quopri random re reprlib sched secrets select selectors shelve shlex shutil
    signal smtplib socket sqlite3 ssl stat statistics string stringprep struct tempfile textwrap
    threading time timeit token tokenize tomllib traceback types typing unicodedata urllib
    urllib.error urllib.parse urllib.request urllib.response urllib.robotparser uuid warnings weakref
    xml.dom.minidom xml.etree.ElementTree xml.sax xml.sax.saxutils zipfile zlib zoneinfo
    _datetime _decimal _strptime
""".split()


def load():
    for name in _MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    _warm_up()
    for part in (environment, logs, network):
        part.prepare()
    rehearsal.rehearse()


def _warm_up():
    """Fills what the library fills lazily, so that no child does so in pages of its own."""
    import datetime
    import mimetypes

    datetime.datetime.strptime("2000-01-01", "%Y-%m-%d")
    "ö.example".encode("idna")
    mimetypes.init()
