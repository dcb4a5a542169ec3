"""Lets the processes of all functions share one unpacked copy of a layer.

The emulator by itself unpacks the layer again for each process that it starts: 45 MB in a thousand files,
which each process then compiles. Here the first process unpacks it, and all others get a link to that folder,
which then has the compiled files, too.

Standard library only: the emulator's interpreter imports this module.
"""

import hashlib
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Any

_UNPACKING = threading.Lock()


class SharingZipFile(zipfile.ZipFile):
    """A zip file that unpacks a layer only once.

    It replaces ``zipfile.ZipFile`` in the emulator's module that starts processes. It recognizes a layer by
    its target folder, ``layer_0`` and so on, which is empty at that time.
    """

    folder = Path(tempfile.gettempdir()) / "shared-layers"
    """Where layers are unpacked."""

    def namelist(self) -> list[str]:
        """Return the names within; none for a layer that is already unpacked: its names were checked then."""
        return [] if self._unpacked().is_dir() else super().namelist()

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
        """Unpack it; for a layer, replace the folder by a link to the shared copy."""
        if path is None or not Path(path).name.startswith("layer_"):
            super().extractall(path, members, pwd)
            return
        unpacked = self._unpacked()
        with _UNPACKING:
            if not unpacked.is_dir():
                self.folder.mkdir(parents=True, exist_ok=True)
                half = Path(tempfile.mkdtemp(dir=self.folder))
                try:
                    super().extractall(half, members, pwd)
                except BaseException:
                    shutil.rmtree(half)
                    raise
                # Rename last, so that another process never sees an incomplete folder.
                half.rename(unpacked)
        Path(path).rmdir()
        Path(path).symlink_to(unpacked, target_is_directory=True)

    def _unpacked(self) -> Path:
        """The folder of the shared copy, named after a digest of the content."""
        digest = hashlib.sha256()
        for entry in self.infolist():
            digest.update(f"{entry.filename}\0{entry.CRC}\0{entry.file_size}\n".encode())
        return self.folder / digest.hexdigest()
