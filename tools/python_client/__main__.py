"""Write the generated modules of the Python client; `make openapi` does this after the document."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tools.interrupts import heed_interrupts
from tools.python_client.methods import methods
from tools.python_client.models import models, names

FOLDER: Final = Path(__file__).resolve().parents[2] / "cli" / "gpu_capacity_client"


def modules() -> dict[str, str]:
    """Return the text of each generated module by its name."""
    written = models((FOLDER / "openapi.json").read_text(encoding="utf-8"))
    return {"models.py": written, "methods.py": methods(names(written))}


def main() -> None:
    """Write the modules and print their names."""
    for name, text in modules().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"wrote cli/gpu_capacity_client/{name}")


if __name__ == "__main__":
    heed_interrupts()
    main()
