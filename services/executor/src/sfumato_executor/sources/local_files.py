"""Local files under the one root that the executor allows."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sfumato.v1 import source_pb2
from sfumato_executor.sources.patterns import WILDCARD, checked, expression
from sfumato_executor.sources.refusal import SourceRefusedError


def local_files(source: source_pb2.PathSource, root: Path | None) -> Iterator[tuple[str, BinaryIO]]:
    """Open the files that a source names, one after the other, by name.

    Args:
        source: a path below the root, perhaps with *.
        root: the allowed root; None where the executor serves no local files.

    Yields:
        (name below the root, file); the file is closed when the next is asked for.

    Raises:
        SourceRefusedError: nothing is named, or what is named leaves the root by a symbolic link.
    """
    if root is None:
        raise SourceRefusedError("this executor serves no local files")
    base = root.resolve()
    found = _matching(base, checked(source.path))
    if not found:
        raise SourceRefusedError(f"no file matches {source.path}")
    for path in found:
        name = path.relative_to(base).as_posix()
        real = path.resolve()
        if not real.is_relative_to(base):
            raise SourceRefusedError(f"{name} leads out of the allowed root")
        if not real.is_file():
            raise SourceRefusedError(f"{name} is not a file")
        with real.open("rb") as file:
            yield name, file


def _matching(base: Path, pattern: str) -> list[Path]:
    """Paths below `base` whose segments match; a directory is not followed through a symbolic link out of it."""
    paths = [base]
    for segment in pattern.split("/"):
        if WILDCARD not in segment:
            paths = [path / segment for path in paths if (path / segment).exists()]
            continue
        match = expression(segment).fullmatch
        paths = [
            entry
            for path in paths
            if path.is_dir() and path.resolve().is_relative_to(base)
            for entry in path.iterdir()
            if match(entry.name)
        ]
    return sorted(paths)
