#!/usr/bin/env python3
"""Throw darts at a square, and count those inside of the circle.

Usage: throw_darts.py DARTS SEED

Prints how many darts were thrown and how many hit.
"""

import random
import sys


def main() -> None:
    """Read the command line, and throw."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    darts, seed = map(int, sys.argv[1:])
    generator = random.Random(seed)
    throws = ((generator.random(), generator.random()) for _ in range(darts))
    print(darts, sum(x * x + y * y < 1 for x, y in throws))


if __name__ == "__main__":
    main()
