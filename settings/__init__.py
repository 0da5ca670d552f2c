"""How the rooms are put together for one machine. The Celery application must exist in every process that publishes."""

from settings.celery import app as celery_app

__all__ = ["celery_app"]
