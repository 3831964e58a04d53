"""What the records of Windows logs mean: users, shares and files, programs, networks, printing.

SOURCE: Microsoft, audit event pages (4624 to 4648, 4656 to 4663, 4688 to 4702, 4720 to 4738, 4778, 4779, 5140 to 5158);
the manifests of the providers, as published by Windows (``wevtutil gp``); Sysmon's manifest (events 1 to 26).
"""

from __future__ import annotations

from typing import Final

from pipeline.artefacts.base import Action
from pipeline.artefacts.evtx_meanings import USER, Meaning, Meanings

__all__ = ["USE"]

_TARGET: Final = ("TargetUserName",)
_LOGON: Final = ("LogonType", "IpAddress", "WorkstationName")
_LEFT: Final = Meaning(Action.LOGOFF, _TARGET, _TARGET, keep=_LOGON)
_ACCOUNT: Final = Meaning(
    Action.ACCOUNT_KNOWN, ("TargetUserName", "TargetSid"), ("SubjectUserName",), keep=("TargetSid",)
)
_TASK: Final = Meaning(Action.TASK_SCHEDULED, ("TaskName",), USER, keep=("UserContext",))
_SHARE: Final = ("ShareLocalPath", "IpAddress", "AccessMask", "AccessReason")
_SHARED: Final = Meaning(Action.SHARE_ACCESSED, ("ShareName",), USER, keep=_SHARE)
_OBJECT: Final = Meaning(
    Action.ENTRY_ACCESSED, ("ObjectName",), USER, keep=("AccessMask", "AccessList", "ProcessName", "ObjectType", "Task")
)
_SESSION: Final = Meaning(Action.REMOTE_SESSION, ("Address",), ("User",), keep=("SessionID", "Reason"))
_SWITCHED: Final = Meaning(
    Action.REMOTE_SESSION, ("ClientAddress", "ClientName"), ("AccountName",), keep=("ClientName", "SessionName")
)
_TO_HOST: Final = Meaning(Action.REMOTE_SESSION, ("Value", "Server"), keep=("Name",))
_WLAN: Final = Meaning(
    Action.NETWORK_JOINED, ("SSID", "ProfileName"), keep=("ProfileName", "InterfaceDescription", "BSSType", "Reason")
)
_PROFILE: Final = Meaning(Action.NETWORK_JOINED, ("Name",), keep=("Description", "Guid", "State", "Category"))
_BITS: Final = Meaning(
    Action.CONNECTION, ("url", "Url"), keep=("name", "bytesTotal", "bytesTransferred", "fileTime", "transferId")
)
_FILTERED: Final = Meaning(
    Action.CONNECTION, ("DestAddress", "SourceAddress"),
    keep=("Application", "Direction", "SourceAddress", "SourcePort", "DestPort", "Protocol"),
)  # fmt: skip
_SHELL: Final = Meaning(Action.COMMAND_RUN, ("Data",))
_DETECTED: Final = Meaning(
    Action.PROGRAM_PRESENT, ("Path", "Threat Name"), ("Detection User",), keep=("Threat Name", "Process Name")
)
_PROTECTION: Final = Meaning(Action.AUDIT_CHANGED, ("Product Name",))
_IMAGE: Final = ("User",)
_REMOVED: Final = Meaning(Action.ENTRY_DELETED, ("TargetFilename",), _IMAGE, keep=("Image", "Hashes"))

USE: Final[Meanings] = {
    "microsoft-windows-security-auditing": {
        4624: Meaning(Action.LOGON, _TARGET, _TARGET, keep=_LOGON),
        4625: Meaning(Action.LOGON_FAILED, _TARGET, _TARGET, keep=_LOGON),
        4634: _LEFT, 4647: _LEFT,
        4648: Meaning(
            Action.LOGON, _TARGET, ("SubjectUserName",), keep=("TargetServerName", "ProcessName", "IpAddress")
        ),
        4656: _OBJECT, 4663: _OBJECT,
        4688: Meaning(
            Action.COMMAND_RUN, ("CommandLine", "NewProcessName"), USER, keep=("NewProcessName", "ParentProcessName")
        ),
        4697: Meaning(
            Action.PROGRAM_PRESENT, ("ServiceFileName",), USER, keep=("ServiceName", "ServiceType", "ServiceAccount")
        ),
        **dict.fromkeys((4698, 4699, 4700, 4701, 4702), _TASK),
        **dict.fromkeys((4720, 4722, 4725, 4726, 4738), _ACCOUNT),
        4778: _SWITCHED, 4779: _SWITCHED,
        **dict.fromkeys((5140, 5142, 5143, 5144, 5145), _SHARED),
        5156: _FILTERED, 5158: _FILTERED,
    },
    "microsoft-windows-terminalservices-localsessionmanager": dict.fromkeys((21, 22, 23, 24, 25), _SESSION),
    "microsoft-windows-terminalservices-remoteconnectionmanager": {
        1149: Meaning(Action.REMOTE_SESSION, ("Param3",), ("Param1",), keep=("Param2",)),
    },
    "microsoft-windows-terminalservices-clientactivexcore": {1024: _TO_HOST, 1102: _TO_HOST},
    "microsoft-windows-taskscheduler": {106: _TASK, 140: _TASK, 141: _TASK},
    "service control manager": {
        7045: Meaning(
            Action.PROGRAM_PRESENT, ("ImagePath",), keep=("ServiceName", "ServiceType", "StartType", "AccountName")
        ),
        7036: Meaning(Action.LOGGING_STOPPED, ("param1",), keep=("param2",)),
        7040: Meaning(Action.AUDIT_CHANGED, ("param1",), keep=("param2", "param3", "param4")),
    },
    "vss": {8224: Meaning(Action.PROGRAM_RUN)},
    "microsoft-windows-wlan-autoconfig": {8001: _WLAN, 8003: _WLAN},
    "microsoft-windows-networkprofile": {10000: _PROFILE, 10001: _PROFILE},
    "microsoft-windows-bits-client": {59: _BITS, 60: _BITS, 61: _BITS},
    "microsoft-windows-dns-client": {
        3008: Meaning(Action.CONNECTION, ("QueryName",), keep=("QueryType", "QueryStatus", "QueryResults")),
    },
    "powershell": {400: _SHELL, 403: _SHELL},
    "microsoft-windows-powershell": {
        4103: Meaning(Action.COMMAND_RUN, ("Payload",)),
        4104: Meaning(Action.COMMAND_RUN, ("ScriptBlockText",), keep=("Path", "MessageNumber", "MessageTotal")),
    },
    "microsoft-windows-printservice": {
        307: Meaning(Action.PRINTED, ("Param2",), ("Param3",), keep=("Param4", "Param5", "Param6", "Param7", "Param8")),
        805: Meaning(Action.PRINTED, ("JobId",), keep=("GdiJobSize", "Copies", "Color")),
    },
    "microsoft-windows-windows defender": {1116: _DETECTED, 1117: _DETECTED, 5001: _PROTECTION},
    "microsoft office alerts": {300: Meaning(Action.FILE_OPENED, ("Data",))},
    "microsoft-windows-sysmon": {
        1: Meaning(Action.COMMAND_RUN, ("CommandLine", "Image"), _IMAGE, keep=("Image", "ParentImage", "Hashes")),
        2: Meaning(
            Action.ENTRY_CHANGED, ("TargetFilename",), _IMAGE,
            keep=("Image", "CreationUtcTime", "PreviousCreationUtcTime"),
        ),
        3: Meaning(
            Action.CONNECTION, ("DestinationIp",), _IMAGE, keep=("Image", "DestinationPort", "DestinationHostname")
        ),
        11: Meaning(Action.ENTRY_CREATED, ("TargetFilename",), _IMAGE, keep=("Image",)),
        23: _REMOVED, 26: _REMOVED,
    },
}  # fmt: skip
