"""Which column of a CEL file holds what, where cel_custom.conf does not say it as Asterisk's sample does. Pure."""

import re
from collections.abc import Callable, Mapping
from operator import itemgetter

Forms = Mapping[int, Callable[[list[str]], tuple[str, ...]]]
"""By how many columns a line has: the fields of `cel.Row` out of them and of an empty one at their end."""

# The short form, and the one of Asterisk's sample cel_custom.conf.
KNOWN: Forms = {11: itemgetter(0, 1, 2, 3, 4, 5, 6, -1, 7, 8, 10),
                20: itemgetter(0, 1, 3, 7, 8, 9, 10, 11, 14, 15, 19)}

# What cel_custom.conf calls the fields of `cel.Row`, in their order.
_NAMES = ("eventtype", "eventtime", "callerid(num)", "exten", "context", "channame", "appname", "appdata", "uniqueid",
          "linkedid", "eventextra")
_MAY_LACK = frozenset({"callerid(num)", "appdata"})
_VARIABLE = re.compile(r"\$\{([^${}]+)\}")           # within CSV_QUOTE, or alone
_OF_CHANNEL = re.compile(r"channel\((\w+)\)")


def forms_of(template: str | None) -> Forms:
    """Those that are known, and the one that cel_custom.conf has behind its `=>`. Raises ValueError."""
    if template is None:
        return KNOWN
    names = [_name(column) for column in template.split(",")]
    lacks = [name for name in _NAMES if name not in names and name not in _MAY_LACK]
    if lacks:
        raise ValueError(f"has no {', '.join(lacks)}; add it in cel_custom.conf, and copy here what it has behind =>")
    return {**KNOWN, len(names): itemgetter(*(names.index(name) if name in names else -1 for name in _NAMES))}


def _name(column: str) -> str:
    """`${CSV_QUOTE(${CHANNEL(exten)})}` → exten; nothing where no variable stands."""
    variable = _VARIABLE.search(column)
    return "" if variable is None else _OF_CHANNEL.sub(r"\1", variable[1].strip().lower())
