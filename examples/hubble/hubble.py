#!/usr/bin/env python3
"""How much does the Hubble constant of 1929 depend on each nebula? See README.md."""

import csv
import statistics
from pathlib import Path

import gc3libs

HERE = Path(__file__).resolve().parent

with (HERE / "hubble_1929.csv").open(newline="") as file:
    NEBULAE = {
        row["object"]: (float(row["distance_mpc"]), float(row["velocity_km_s"]))
        for row in csv.DictReader(file)
    }


@gc3libs.task(memory="200 MB", walltime="1 minute")
def hubble_constant(without):
    """Velocity per distance, in km/s/Mpc, of all nebulae but one."""
    kept = [values for name, values in NEBULAE.items() if name != without]
    distances, velocities = zip(*kept, strict=True)
    return statistics.linear_regression(distances, velocities, proportional=True).slope


def main():
    with gc3libs.Session(HERE / "out" / "hubble", store_or_url="sqlite") as session:
        session.add_many(hubble_constant.over(without=["none", *NEBULAE]), new_only=True)
        gc3libs.run(session)
        table = session.to_pandas(ok=True).set_index("without")["result"]

    every = table.pop("none")
    count = len(table)
    deviations = table - table.mean()
    error = ((count - 1) / count * (deviations**2).sum()) ** 0.5
    print(f"Hubble constant of 1929: {every:.0f} ± {error:.0f} km/s/Mpc")
    print("\nWithout one nebula it changes most for:\n")
    changes = (table - every).sort_values(key=abs, ascending=False)
    print(changes.head(5).map("{:+.1f}".format).to_string(header=False))


if __name__ == "__main__":
    main()
