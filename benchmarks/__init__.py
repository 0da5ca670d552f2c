"""Measurements, each against a yardstick that ran on the same machine in the same minutes.

    make bench                        all of them
    make bench-orders                 python -m benchmarks orders

Each writes benchmarks/results/<name>.json. A number without its yardstick says more about the machine than about us.
"""
