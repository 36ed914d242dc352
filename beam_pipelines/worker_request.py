"""What Beam starts for a worker of `forking`: asks for a fork, and ends when that ends.

Imports little, so that it takes some milliseconds.
"""

import json
import os
import socket
import sys


def main(address: str) -> int:
    """Hands over the environment, in which Beam says where to connect; 0 if the worker says so."""
    with socket.socket(socket.AF_UNIX) as workers:
        workers.connect(address)
        workers.sendall(json.dumps(dict(os.environ)).encode() + b"\n")
        return 0 if workers.recv(1) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
