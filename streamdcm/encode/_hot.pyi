from collections.abc import Callable, Iterator
from typing import Any, Final

from streamdcm.encode.pieces import Pieces
from streamdcm.encode.scope import Scope

END: Final[int]
AT_SEQUENCE: Final[int]
FOR_PYTHON: Final[int]

def configure(known: dict[str, Any], rows: dict[str, tuple[str, bytes, bool]], /) -> None: ...
def ask(encode_elements: Callable[..., int], encode_item: Callable[..., int], /) -> None: ...
def encode_run(elements: Iterator[tuple[int, Any]], pieces: Pieces, scope: Scope, /) -> tuple[int, Any, int] | None: ...
def encode_item(item: Any, pieces: Pieces, scope: Scope, place: tuple[int, int], /) -> int | None: ...
