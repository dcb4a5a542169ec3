"""Layers that the processes of all functions share, as environments on one machine of AWS do.

The emulator unpacks the layer anew for each process that it starts: 45 MB in a thousand files, which each
process then compiles for itself. Here the first one unpacks it, and all others get a link to that folder,
where they also find what was compiled.

Standard library only: the emulator's interpreter imports it.
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
    """A zip that is unpacked once for everybody where the emulator unpacks a layer.

    It takes the place of ``zipfile.ZipFile`` in the emulator's module that starts processes. Layers are told
    from code by their folder, ``layer_0`` and so on, which is empty when it comes here.
    """

    folder = Path(tempfile.gettempdir()) / "shared-layers"
    """Where layers are unpacked."""

    def namelist(self) -> list[str]:
        """The names within; none of a layer that is there, whose names were looked at when it came."""
        return [] if self._unpacked().is_dir() else super().namelist()

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
        """Unpack it, or make the folder of a layer a link to where it is unpacked."""
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
                # Whoever finds the folder finds it whole.
                half.rename(unpacked)
        Path(path).rmdir()
        Path(path).symlink_to(unpacked, target_is_directory=True)

    def _unpacked(self) -> Path:
        """Its folder, named by what it holds."""
        digest = hashlib.sha256()
        for entry in self.infolist():
            digest.update(f"{entry.filename}\0{entry.CRC}\0{entry.file_size}\n".encode())
        return self.folder / digest.hexdigest()
