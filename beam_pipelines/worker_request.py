"""What stands for a worker of `forking`: asks for a fork, and ends when and as that ends.

Imports little, so that it takes some milliseconds.
"""

import json
import os
import socket
import sys
from contextlib import suppress


def main(address: str) -> int:
    """Hands over the environment, in which Beam says where to connect; gives the worker's code.

    Ends itself by the signal that ended the worker. 1 if nobody is left to say how it ended.
    """
    code = 1
    # Connections break when the launcher is interrupted or killed, which says so itself.
    with suppress(OSError), socket.socket(socket.AF_UNIX) as workers:
        workers.connect(address)
        workers.sendall(json.dumps(dict(os.environ)).encode() + b"\n")
        code = int(workers.recv(8) or code)
    if code < 0:
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
