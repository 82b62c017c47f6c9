"""Values as YAML: texts of several lines as blocks, short lists and mappings in one line."""

from __future__ import annotations

from typing import Any

import yaml

from penguin.orchestration.config.document import YAML_1_1_LINE_ENDS

_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_UNFOLDED = 1_000_000_000


class _Dumper(_DUMPER):  # type: ignore[misc]  # PyYAML has one of two, as it was built
    """Writes texts of several lines as blocks, and short lists in one line."""


class FlowList(list[str]):
    """A list that is written in one line."""


class FlowMapping(dict[str, str]):
    """A mapping that is written in one line."""


def _represent_text(dumper: Any, text: str) -> Any:
    # libyaml would break lines at these characters, and indent what follows.
    breaks = any(char in text for char in YAML_1_1_LINE_ENDS)
    style = '"' if breaks else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_ids(dumper: Any, ids: FlowList) -> Any:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", ids, flow_style=True)


def _represent_line(dumper: Any, fields: FlowMapping) -> Any:
    return dumper.represent_mapping("tag:yaml.org,2002:map", fields.items(), flow_style=True)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(FlowMapping, _represent_line)
_Dumper.add_representer(FlowList, _represent_ids)


def dump(value: object, indent: int = 0) -> str:
    """Return a value as YAML, each line after `indent` spaces."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_UNFOLDED, default_flow_style=False
    )
    lead = " " * indent
    return "".join(f"{lead}{line}\n" if line else "\n" for line in text.split("\n")[:-1])


def field_text(name: str, value: object, indent: int) -> str:
    """Return one field of an item as lines of its file."""
    return dump({name: FlowList(value) if name == "depends_on" and isinstance(value, list) else value}, indent)
