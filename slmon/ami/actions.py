"""What slmon says to a PBX: a short list of actions that only ask. Nothing else ever leaves the process.

Any AMI login can do harm with some actions, whatever its rights, so the list is a fence and not a convenience.
"""

import hashlib
import re

from asterisk.ami.action import Action, SimpleAction  # type: ignore[import-untyped]
from asterisk.ami.response import Response  # type: ignore[import-untyped]

__all__ = ["ALLOWED", "HARMFUL", "Action", "NotAllowed", "Response", "action", "challenge", "login_with_proof",
           "login_with_secret", "message", "spoken"]

ALLOWED = frozenset({"Challenge", "Login", "Logoff", "Ping", "CoreSettings", "CoreStatus", "CoreShowChannels",
                     "BridgeList", "Status", "QueueStatus", "DeviceStateList", "ListCommands"})

HARMFUL = frozenset({"Originate", "Command", "Redirect", "Hangup", "Atxfer", "BlindTransfer", "Setvar", "DBPut",
                     "DBDel", "UpdateConfig", "CreateConfig", "GetConfig", "ModuleLoad", "Reload", "QueueAdd",
                     "QueueRemove", "QueuePause", "Monitor", "MixMonitor", "Park", "SendText"})
"""Actions that a login of ours has no use for; where the PBX would let it say them, it has rights too many."""

_UNSPEAKABLE = re.compile(r"[\r\n\0]")


class NotAllowed(ValueError):
    """An action, or a value in one, that must never be said. Does not repeat the value: it may be a secret."""


def action(name: str, **headers: str) -> Action:
    """An action of ours, such as `action("Ping")`."""
    return SimpleAction(name, **headers)


def challenge() -> Action:
    """Ask for a word to prove the secret with, without saying it."""
    return action("Challenge", AuthType="MD5")


def login_with_proof(username: str, secret: str, word: str) -> Action:
    """Log in without the secret on the wire."""
    proof = hashlib.md5((word + secret).encode(), usedforsecurity=False).hexdigest()
    return action("Login", AuthType="MD5", Username=username, Key=proof)


def login_with_secret(username: str, secret: str) -> Action:
    """Log in with the secret on the wire; for PBXes that keep no plain secret to prove it against."""
    return action("Login", Username=username, Secret=secret)


def spoken(said: Action, action_id: str) -> bytes:
    """The bytes of an action. NotAllowed: not one of ours, or a value that would forge further headers."""
    if said.name not in ALLOWED:
        raise NotAllowed(f"the action {said.name!r} is none that slmon may say")
    if said.variables:
        raise NotAllowed("slmon says no actions with variables")
    said.keys["ActionID"] = action_id
    for header, value in said.keys.items():
        if _UNSPEAKABLE.search(header) or _UNSPEAKABLE.search(str(value)):
            raise NotAllowed(f"the action {said.name}: {_UNSPEAKABLE.sub('?', header)} holds a line break")
    return f"{said}\r\n".encode()


def message(answer: Response) -> str:
    """What the PBX says to an action, fit for a terminal."""
    text = str(answer.keys.get("Message", "no reason given"))
    return "".join(char if char.isprintable() else "?" for char in text[:120])
