"""State machines as data: one table a model, pure, without I/O."""

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext_lazy as _

from market.kernel.errors import IllegalTransition


class TransitionTable:
    """Which state may follow which.

    ``moves`` maps each state to the states that may follow it; a state that is missing or maps to nothing is final.
    """

    def __init__(self, moves: Mapping[str, Iterable[str]]) -> None:
        self._moves = {str(state): tuple(str(target) for target in targets) for state, targets in moves.items()}

    def legal_moves(self, state: str) -> list[str]:
        """The states that may follow ``state``, in the table's order."""
        return list(self._moves.get(state, ()))

    def sources(self, target: str) -> list[str]:
        """The states from which ``target`` may be reached: the guard of a compare-and-set."""
        return [state for state, targets in self._moves.items() if target in targets]

    def is_final(self, state: str) -> bool:
        """Whether nothing may follow ``state``."""
        return not self._moves.get(state)

    def require(self, state: str, target: str) -> None:
        """Raise ``IllegalTransition``, naming the legal moves, unless ``state -> target`` is one of them."""
        if target not in self._moves.get(state, ()):
            raise self.illegal(state, target)

    def illegal(self, state: str, target: str) -> IllegalTransition:
        """The error that says why ``state -> target`` is refused."""
        return IllegalTransition(
            _("It is %(state)s; %(target)s cannot follow.") % {"state": state, "target": target},
            state=str(state),
            legal_moves=self.legal_moves(state),
        )
