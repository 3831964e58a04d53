"""Akashi: forensic triage of lost media, to a leakage verdict with an evidence chain.

In a notebook::

    from pipeline import open_case

    case = open_case("cases/demo-leak")
    case.table("findings")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.case import OpenCase, open_case

__all__ = ["OpenCase", "open_case"]


def __getattr__(name: str) -> Any:
    """Import the public names when they are asked for: workers import this package and need none of them."""
    if name in __all__:
        from pipeline import case  # noqa: PLC0415 - see above

        return getattr(case, name)
    raise AttributeError(name)
