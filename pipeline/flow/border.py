"""The border: the only place that catches whatever a parser may raise."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.errors import IntegrityError, RuleError, SettingsError, UnreadableError
from pipeline.stages.base import Item, RowOf, Stage
from pipeline.stages.context import Context

__all__ = ["guard"]


def guard(stage: Stage, context: Context, item: Item) -> Iterator[RowOf]:
    """Yield the rows of an item; what it raises becomes the rows of a lost item.

    Raises:
        IntegrityError: evidence or tables changed under the run; never turned into a row.
        SettingsError: the case or its keys are wrong; likewise.
        RuleError: a rule is wrong; likewise.
    """
    try:
        yield from stage.examine(context, item)
    except (IntegrityError, SettingsError, RuleError):
        raise
    except MemoryError:
        raise
    except UnreadableError as error:
        yield from stage.lost(context, item, str(error))
    except Exception as error:  # noqa: BLE001 - one bad item never stops a run
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        line = f"{place.tb_frame.f_code.co_name}:{place.tb_lineno}" if place is not None else "?"
        yield from stage.lost(context, item, f"internal error {type(error).__name__} in {line}; please report it")
