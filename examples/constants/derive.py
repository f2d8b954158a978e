#!/usr/bin/env python3
"""Derive a physical constant from others, in SI units: derive.py NAME.

What it needs is read from `codata_2022.csv` or, if it was derived itself, from a file of its name;
the result is written to one.
"""

import csv
import inspect
import sys
from math import pi
from pathlib import Path

TABLE = Path("codata_2022.csv")


def hartree(h, c, rydberg):
    return 2 * h * c * rydberg


def electron_mass(hartree, alpha, c):
    return hartree / (alpha * c) ** 2


def bohr_radius(alpha, rydberg):
    return alpha / (4 * pi * rydberg)


def bohr_magneton(e, h, electron_mass):
    return e * h / (4 * pi * electron_mass)


def electron_radius(alpha, bohr_radius):
    return alpha**2 * bohr_radius


def thomson(electron_radius):
    return 8 * pi / 3 * electron_radius**2


FORMULAS = {
    formula.__name__: formula
    for formula in (hartree, electron_mass, bohr_radius, bohr_magneton, electron_radius, thomson)
}


def needs(name):
    """Names of the constants from which one is derived."""
    return list(inspect.signature(FORMULAS[name]).parameters)


def read(table):
    """The rows of the table by name."""
    with table.open(newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def value(name):
    """A constant, derived or measured."""
    return float(Path(name).read_text() if name in FORMULAS else read(TABLE)[name]["value"])


if __name__ == "__main__":
    name = sys.argv[1]
    result = FORMULAS[name](*map(value, needs(name)))
    Path(name).write_text(f"{result!r}\n")
