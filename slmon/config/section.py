"""What every table of slmon.toml is: strict and unchanging."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of slmon.toml: no key that slmon does not know, and no change once read."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
