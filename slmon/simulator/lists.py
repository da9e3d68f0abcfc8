"""What the simulated PBX answers when asked: its lists, as a real Asterisk 22 words them."""

from collections.abc import Callable, Iterator, Mapping

from slmon.core.instant import SECOND
from slmon.simulator.channels import MEMBER_STATUS, Channel, LiveDesk, LiveQueue, Parking
from slmon.simulator.pbx import Pbx

AMI_VERSION = "11.0.0"
ASTERISK_VERSION = "22.10.1"

Asked = Mapping[str, str]


def reply(action_id: str, status: str, *lines: str) -> bytes:
    """One reply. Lines are without their ends."""
    shown = [f"Response: {status}", *([f"ActionID: {action_id}"] if action_id else []), *lines, "", ""]
    return "\r\n".join(shown).encode()


def error(action_id: str, message: str) -> bytes:
    """A refusal."""
    return reply(action_id, "Error", f"Message: {message}")


def answer(pbx: Pbx, name: str, asked: Asked) -> bytes | None:
    """The answer to an action that only asks; None: this is none of them."""
    given = _ANSWERS.get(name.lower())
    return None if given is None else given(pbx, asked.get("ActionID", ""))


def _ping(pbx: Pbx, action_id: str) -> bytes:
    return reply(action_id, "Success", "Ping: Pong", f"Timestamp: {pbx.stamp}")


def _core_settings(pbx: Pbx, action_id: str) -> bytes:
    return reply(action_id, "Success", f"AMIversion: {AMI_VERSION}", f"AsteriskVersion: {ASTERISK_VERSION}",
                 f"SystemName: {pbx.house.system}", "CoreMaxCalls: 0", "CoreMaxLoadAvg: 0.000000", "CoreRunUser: ",
                 "CoreRunGroup: ", "CoreMaxFilehandles: 0", "CoreRealTimeEnabled: No", "CoreCDRenabled: Yes",
                 "CoreHTTPenabled: No", "SoundsSearchCustomDir: No")


def _core_status(pbx: Pbx, action_id: str) -> bytes:
    date, time = pbx.startup
    members = sum(1 for channel in pbx.channels.values() if channel.endpoint.endswith(pbx.house.trunk))
    return reply(action_id, "Success", f"CoreStartupDate: {date}", f"CoreStartupTime: {time}",
                 f"CoreReloadDate: {date}", f"CoreReloadTime: {time}", f"CoreCurrentCalls: {members}",
                 f"CoreProcessedCalls: {pbx.calls_handled}")


def _list(action_id: str, message: str, items: Iterator[str], complete: str, ending: str = "") -> bytes:
    shown = list(items)
    tag = f"ActionID: {action_id}\r\n" if action_id else ""
    opening = f"Response: Success\r\n{tag}EventList: start\r\nMessage: {message}\r\n\r\n"
    closing = f"Event: {complete}\r\n{tag}EventList: Complete\r\nListItems: {len(shown)}\r\n{ending}\r\n"
    return (opening + "".join(shown) + closing).encode()


def _channels(pbx: Pbx, action_id: str) -> bytes:
    items = (f"Event: CoreShowChannel\r\nActionID: {action_id}\r\n{channel.text()}"
             f"Application: {channel.application}\r\nApplicationData: {channel.arguments}\r\n"
             f"Duration: {_duration(pbx, channel)}\r\n"
             f"BridgeId: {channel.bridge.uniqueid if channel.bridge else ''}\r\n\r\n"
             for channel in reversed(pbx.channels.values()))
    return _list(action_id, "Channels will follow", items, "CoreShowChannelsComplete")


def _bridges(pbx: Pbx, action_id: str) -> bytes:
    bridges = {channel.bridge.uniqueid: channel.bridge for channel in pbx.channels.values() if channel.bridge}
    items = (f"Event: BridgeListItem\r\nActionID: {action_id}\r\n{bridge.text()}\r\n" for bridge in bridges.values())
    return _list(action_id, "Bridge listing will follow", items, "BridgeListComplete")


def _duration(pbx: Pbx, channel: Channel) -> str:
    minutes, seconds = divmod((pbx.clock.now - channel.since) // SECOND, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"


def _status(pbx: Pbx, action_id: str) -> bytes:
    items = (f"Event: Status\r\nPrivilege: Call\r\n{channel.text()}Type: {channel.name.partition('/')[0]}\r\n"
             f"DNID: {channel.dialled}\r\nEffectiveConnectedLineNum: {channel.connected}\r\n"
             f"EffectiveConnectedLineName: {channel.connected_name}\r\nTimeToHangup: 0\r\n"
             f"BridgeID: {channel.bridge.uniqueid if channel.bridge else ''}\r\n"
             f"Application: {channel.application}\r\nData: {channel.arguments}\r\nNativeformats: (alaw)\r\n"
             f"Readformat: alaw\r\nReadtrans: \r\nWriteformat: alaw\r\nWritetrans: \r\nCallgroup: 0\r\n"
             f"Pickupgroup: 0\r\nSeconds: {(pbx.clock.now - channel.since) // SECOND}\r\nActionID: {action_id}\r\n\r\n"
             for channel in reversed(pbx.channels.values()))
    return _list(action_id, "Channel status will follow", items, "StatusComplete", f"Items: {len(pbx.channels)}\r\n")


def _queues(pbx: Pbx, action_id: str) -> bytes:
    items = (item for queue in pbx.queues.values() for item in _queue_items(pbx, queue, action_id))
    return _list(action_id, "Queue status will follow", items, "QueueStatusComplete")


def _queue_items(pbx: Pbx, queue: LiveQueue, action_id: str) -> Iterator[str]:
    fixed = queue.fixed
    yield (f"Event: QueueParams\r\nQueue: {fixed.name}\r\nMax: 0\r\nStrategy: {fixed.strategy}\r\n"
           f"Calls: {len(queue.callers)}\r\nHoldtime: 0\r\nTalkTime: 0\r\nCompleted: {queue.completed}\r\n"
           f"Abandoned: {queue.abandoned}\r\nServiceLevel: 20\r\nServicelevelPerf: 0.0\r\n"
           f"ServicelevelPerf2: 0.0\r\nWeight: 0\r\nActionID: {action_id}\r\n\r\n")
    for number in reversed(fixed.desks):
        yield _member_item(pbx, fixed.name, pbx.desks[number], action_id)
    for position, caller in enumerate(queue.callers, 1):
        channel = caller.channel
        yield (f"Event: QueueEntry\r\nQueue: {fixed.name}\r\nPosition: {position}\r\nChannel: {channel.name}\r\n"
               f"Uniqueid: {channel.uniqueid}\r\nCallerIDNum: {_known(channel.caller)}\r\n"
               f"CallerIDName: {_known(channel.caller_name)}\r\nConnectedLineNum: {_known(channel.connected)}\r\n"
               f"ConnectedLineName: {_known(channel.connected_name)}\r\n"
               f"Wait: {(pbx.clock.now - caller.joined_at) // SECOND}\r\nPriority: 0\r\n"
               f"ActionID: {action_id}\r\n\r\n")


def _member_item(pbx: Pbx, queue: str, live: LiveDesk, action_id: str) -> str:
    return (f"Event: QueueMember\r\nQueue: {queue}\r\nName: {live.fixed.name}\r\nLocation: {live.fixed.interface}\r\n"
            f"StateInterface: {live.fixed.endpoint}\r\nMembership: static\r\nPenalty: 0\r\n"
            f"CallsTaken: {live.calls_taken}\r\nLastCall: {live.last_call}\r\nLastPause: 0\r\n"
            f"LoginTime: {pbx.booted_at // SECOND}\r\nInCall: {int(live.in_queue_call)}\r\n"
            f"Status: {MEMBER_STATUS[live.state]}\r\nPaused: {int(live.paused)}\r\nPausedReason: \r\n"
            f"Wrapuptime: 5\r\nActionID: {action_id}\r\n\r\n")


def _known(text: str) -> str:
    return text.replace("<unknown>", "unknown")


def _devices(pbx: Pbx, action_id: str) -> bytes:
    items = (f"Event: DeviceStateChange\r\nActionID: {action_id}\r\nDevice: {live.fixed.endpoint}\r\n"
             f"State: {live.state}\r\n\r\n" for live in pbx.desks.values())
    return _list(action_id, "Device State Changes will follow", items, "DeviceStateListComplete")


def _parked(pbx: Pbx, action_id: str) -> bytes:
    items = (_parked_item(pbx, parked, action_id) for parked in pbx.parked.values())
    return _list(action_id, "Parked calls will follow", items, "ParkedCallsComplete",
                 f"Total: {len(pbx.parked)}\r\n")


def _parked_item(pbx: Pbx, parked: Parking, action_id: str) -> str:
    waited = (pbx.clock.now - parked.since) // SECOND
    return (f"Event: ParkedCall\r\nActionID: {action_id}\r\n{parked.channel.text('Parkee')}"
            f"ParkerDialString: {parked.parker}\r\nParkinglot: default\r\nParkingSpace: {parked.space}\r\n"
            f"ParkingTimeout: {max(0, 45 - waited)}\r\nParkingDuration: {waited}\r\n\r\n")


MAY_ORIGINATE = b"Originate: Originate a call.  (Priv: originate,all)\r\n"


def _commands(pbx: Pbx, action_id: str) -> bytes:
    return reply(action_id, "Success", "Challenge: Generate Challenge for MD5 Auth.  (Priv: <none>)",
                 "CoreShowChannels: List currently active channels.  (Priv: system,reporting,all)",
                 "Redirect: Redirect (transfer) a call.  (Priv: <none>)",
                 MAY_ORIGINATE.decode().strip())


_ANSWERS: dict[str, Callable[[Pbx, str], bytes]] = {
    "ping": _ping,
    "coresettings": _core_settings,
    "corestatus": _core_status,
    "bridgelist": _bridges,
    "coreshowchannels": _channels,
    "status": _status,
    "queuestatus": _queues,
    "devicestatelist": _devices,
    "parkedcalls": _parked,
    "listcommands": _commands,
}
