"""
Runs one Python instance without zygote and sandbox: `python3 -I harness.py <folder> <socket> <started>`.
"""
import importlib.util
import os
import socket
import sys


def load(folder):
    spec = importlib.util.spec_from_file_location(
        "_orla", folder + "/__init__.py", submodule_search_locations=[folder]
    )
    package = sys.modules["_orla"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)


def main(folder, path, started):
    load(folder)
    from _orla import instance, preload

    os.environ.clear()
    preload.load()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(path)
    instance.run(connection, os.open(started, os.O_RDWR), {})


if __name__ == "__main__":
    main(*sys.argv[1:])
