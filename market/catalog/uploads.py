"""How the deployment receives files from browsers (``FILE_UPLOAD_HANDLERS``): bounded, and from members only."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile


class BoundedUpload(FileUploadHandler):
    """Stands before Django's own handlers and drops a file that may not be received, while it still arrives.

    Dropped: every file of somebody who is not signed in, and one that grows past ``ASSET_MAX_BYTES``. The form then
    finds no file and says so; nothing of it stays on the disk.
    """

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        user = getattr(self.request, "user", None)
        self.limit = settings.ASSET_MAX_BYTES if user is not None and user.is_authenticated else 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Hand the piece on, or end this file."""
        if start + len(raw_data) > self.limit:
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The next handler has the file."""
