"""python -m benchmarks [NAME ...]: run the named measurements, or all."""

import argparse
import importlib
import sys

NAMES = ["orders", "usage", "volume", "exports", "posting", "settlement", "statements", "reconcile", "oscar"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", default=[], metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument("--seconds", type=int, default=20, help="length of each measured run (default %(default)s)")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no measurement is called {', '.join(sorted(unknown))}")
    for name in options.names or NAMES:
        importlib.import_module(f"benchmarks.{name}").run(options.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
