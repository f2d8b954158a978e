"""`python -m gc3libs`: the command `gc3`."""

import sys

from gc3libs.cli import main

if __name__ == "__main__":
    sys.exit(main())
