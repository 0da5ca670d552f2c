#!/usr/bin/env python
"""Django's commands. Where no server is named and this is not production, they run against the embedded ones."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.dev")
    named = os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")
    if not named and os.environ["DJANGO_SETTINGS_MODULE"] != "settings.production":
        from settings import embedded

        sys.exit(embedded.main([sys.executable, *sys.argv]))

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
