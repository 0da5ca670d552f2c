"""What the exchange should do, in plain Python: no database, no rooms, nothing of theirs imported but names of states.

``World.apply`` plays one act on itself and says which answers are right: ``{"done"}``, or the names of the refusals.
Slow and naive on purpose, so that it can be read against ``docs/`` and argued with.
"""

from tests.machine.model.money import World

__all__ = ["World"]
