#!/usr/bin/env python3
"""Count the primes below a limit by the sieve of Eratosthenes: sieve.py LIMIT."""

import sys
from math import isqrt


def primes_below(limit):
    """How many primes are below `limit`, which is at least 2. Takes 1.5 bytes for each number."""
    sieve = bytearray(b"\1") * limit
    sieve[:2] = bytes(2)
    for number in range(2, isqrt(limit - 1) + 1):
        if sieve[number]:
            multiples = range(number * number, limit, number)
            sieve[multiples.start :: number] = bytes(len(multiples))
    return sieve.count(1)


if __name__ == "__main__":
    print(primes_below(int(sys.argv[1])))
