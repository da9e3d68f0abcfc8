"""The words and numbers of slmon.toml, each with the cure where it is mistaken. Knows no section."""

import re
from datetime import date, datetime
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from slmon.backfill.cel_form import forms_of
from slmon.config.problems import unknown
from slmon.config.spans import Spans, spans, weekdays
from slmon.core.hours import is_country

ARGON2 = r"\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+"


def _name(text: str) -> str:
    if not text.strip() or text != text.strip() or not text.isprintable():
        raise ValueError("must be one line of text, without space at its ends")
    return text


def _slug(text: str) -> str:
    # It stands in URLs, call ids, metrics' labels and the names of environment variables.
    if not re.fullmatch(r"\w[\w.-]*", text):
        raise ValueError("must be one word of letters, digits, - _ or .")
    return text


def _number(text: str) -> str:
    if re.fullmatch(r"\+?[0-9X*#]+\.?|[a-z]|\.", text):
        return text
    hint = "; X is a capital letter" if "x" in text else "; write it without spaces" if " " in text else ""
    raise ValueError(f"must be a number of digits, where X is any one digit and a dot at the end is the rest{hint}")


def _host_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", text):
        raise ValueError("must be a host name such as tavle.example.dk, without https:// and port")
    return text.lower()


def _origin(text: str) -> str:
    # It goes into a security header: nothing but a scheme, a name and a port may.
    if not re.fullmatch(r"https?://(\*\.)?[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?", text):
        raise ValueError("must be an address such as https://intranet.example.dk, without a path")
    return text


def _endpoint(text: str) -> str:
    if not text or not text.isprintable() or re.search(r"\s", text):
        raise ValueError("must be an endpoint such as PJSIP/101, or a pattern such as PJSIP/10X")
    return text


def _context(text: str) -> str:
    if not text or not text.isprintable() or re.search(r"[\s,]", text):
        raise ValueError("must be the name of one dialplan context")
    return text


def _one_day(value: object) -> object:
    if isinstance(value, datetime) or not isinstance(value, str | date):
        raise ValueError("must be a day such as 2027-01-01")
    return value


def _timezone(text: str) -> str:
    if text not in _timezones():
        raise ValueError(unknown(text, _timezones(), "is no known time zone, such as Europe/Copenhagen"))
    return text


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _country(text: str) -> str:
    if not is_country(text):
        hint = f"did you mean {text.upper()}?" if is_country(text.upper()) else "write two letters such as DK"
        raise ValueError(f"is no country whose holidays are known; {hint}")
    return text


def _day_key(text: str) -> str:
    weekdays(text)
    return text


def _share(value: float) -> float:
    if value > 1:
        cure = "must be at most 1, for it is a share"
        raise ValueError(f"{cure}; {value:g} % is {value / 100:g}" if value <= 100 else cure)
    return value


def _port(value: int) -> int:
    if not 1 <= value <= 65535:
        raise ValueError("must be a port, from 1 to 65535")
    return value


def _key_id(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,16}", text):
        raise ValueError("must be 1 to 16 letters, digits, - or _")
    return text


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError("must be an address such as 10.0.0.5, or a network such as 10.0.0.0/24") from None


def _header(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", text):
        raise ValueError("must be the name of an HTTP header such as X-Remote-User")
    return text


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[\w./-]*)?", text):
        raise ValueError("must be an address such as https://tavle.example.dk")
    return text.rstrip("/") + "/"


def _password(value: SecretStr) -> SecretStr:
    if not is_password(value.get_secret_value()):        # never the password itself: a file is read by many
        raise ValueError("must be what slmon password prints, which begins with $argon2id$")
    return value


def is_password(value: object) -> bool:
    """Whether it is what `slmon password` prints, or another argon2id hash."""
    return isinstance(value, str) and re.fullmatch(ARGON2, value) is not None


def _cel_format(text: str) -> str:
    forms_of(text)
    return text


def _some_path(value: object) -> object:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("must be a file's path in quotes")
    return value


Name = Annotated[str, AfterValidator(_name)]
Slug = Annotated[str, AfterValidator(_slug)]
Number = Annotated[str, AfterValidator(_number)]
HostName = Annotated[str, AfterValidator(_host_name)]
Origin = Annotated[str, AfterValidator(_origin)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
CelFormat = Annotated[str, AfterValidator(_cel_format)]
Context = Annotated[str, AfterValidator(_context)]
Day = Annotated[date, BeforeValidator(_one_day)]
DayKey = Annotated[str, AfterValidator(_day_key)]
DaySpans = Annotated[Spans, BeforeValidator(spans)]
File = Annotated[Path, BeforeValidator(_some_path)]
Seconds = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Share = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0), AfterValidator(_share)]
Whole = Annotated[int, Field(strict=True)]
Switch = Annotated[bool, Field(strict=True)]
Timezone = Annotated[str, AfterValidator(_timezone)]
Country = Annotated[str, AfterValidator(_country)]
Port = Annotated[Whole, AfterValidator(_port)]
Network = Annotated[str, AfterValidator(_network)]
Header = Annotated[str, AfterValidator(_header)]
Url = Annotated[str, AfterValidator(_url)]
Password = Annotated[SecretStr, AfterValidator(_password)]
KeyId = Annotated[str, AfterValidator(_key_id)]
