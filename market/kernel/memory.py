"""What a process read not long ago, kept to be asked whether it still holds."""

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Memory(Generic[Value]):
    """At most ``size`` values by key, for all threads; of too many the one that was kept first is forgotten."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: dict[Hashable, Value] = {}
        self._changing = threading.Lock()

    def get(self, key: Hashable) -> Value | None:
        """What is kept under the key, or None."""
        return self._values.get(key)

    def keep(self, key: Hashable, value: Value) -> None:
        """Keep the value, in the place of an earlier one."""
        with self._changing:
            self._values.pop(key, None)
            self._values[key] = value
            while len(self._values) > self._size:
                del self._values[next(iter(self._values))]

    def forget(self, key: Hashable) -> None:
        """Keep nothing under the key."""
        with self._changing:
            self._values.pop(key, None)
