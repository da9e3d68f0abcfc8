"""`slmon export`: the stored calls as JSON lines."""

from collections.abc import Iterator
from pathlib import Path

from slmon.commands.output import write_lines
from slmon.config import Config
from slmon.privacy import call_json, json_line
from slmon.store.reader import CallReader


def run_export(config: Config, out: Path) -> None:
    """Write every stored call to `out`. Raises StoreError, OSError."""
    reader = CallReader(config.store.path)
    reader.check()
    write_lines(out, _lines(config, reader))


def _lines(config: Config, reader: CallReader) -> Iterator[str]:
    goals = config.phone_goals(config.phone_hours())
    doors = {pbx.name: config.doors(pbx) for pbx in config.pbx}
    queues = {queue for view in config.views for queue in view.queues}
    for record in reader.since(0):
        yield json_line(call_json(
            record, goals.goal_at(record.arrived_at), person_figures=config.privacy.person_figures,
            doors=doors.get(record.pbx), groups=config.groups, queues=queues,
            minimum_group=config.privacy.minimum_group))
