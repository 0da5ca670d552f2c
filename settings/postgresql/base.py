"""The module that Django loads for ``ENGINE = "settings.postgresql"``."""

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Django asks a kept connection ``SELECT 1`` before each request, a round trip as dear as a query of the request.

    A server that ends or dies closes its side of an idle connection, and a server that lives sends nothing unasked but
    notices: so only a connection with something to read is asked.
    """

    def is_usable(self) -> bool:
        """Whether a statement may be sent on the connection."""
        if self.connection is None or self.connection.closed:
            return False
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return super().is_usable() if poll.poll(0) else True
