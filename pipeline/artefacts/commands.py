"""Commands: what they do with data, and what of them must not be shown."""

from __future__ import annotations

import re
from typing import Final

from pipeline.artefacts.base import Action

__all__ = ["action_of", "mask_secrets"]

_START: Final = r"(?:^|[;&|(`]\s*|\bsudo\s+(?:-\S+\s+)*|[\\/])"
_KINDS: Final[tuple[tuple[Action, str], ...]] = (
    (Action.LOG_CLEARED, r"wevtutil(?:\.exe)?\s+(?:cl|clear-log)\b"),
    (Action.LOG_CLEARED, r"(?:clear-eventlog|remove-eventlog|clear-history)\b"),
    (Action.LOG_CLEARED, r"history\s+-[a-z]*[cdw]|unset\s+(?:-v\s+)?hist(?:file|size)|export\s+hist(?:file|size)="),
    (Action.LOG_CLEARED, r"journalctl\b.*--(?:vacuum|rotate)|fsutil(?:\.exe)?\s+usn\s+deletejournal"),
    (Action.LOG_CLEARED, r"hist(?:file|size)=|(?:rm|truncate|shred|ln)\b.*(?:_history|/var/log/)"),
    (Action.LOG_CLEARED, r"(?:vssadmin(?:\.exe)?\s+delete|wmic(?:\.exe)?\s+shadowcopy\s+delete)"),
    (Action.WIPING_TOOL, r"(?:shred|wipe|srm|scrub|blkdiscard|sdelete(?:64)?|bleachbit|eraser|nwipe|wipefs)(?:\.exe)?\b"),  # noqa: E501
    (Action.WIPING_TOOL, r"cipher(?:\.exe)?\s+/w|dd\b.*\bif=/dev/(?:zero|u?random)|hdparm\b.*--security-erase"),
    (Action.WIPING_TOOL, r"mkfs(?:\.\w+)?\s|format(?:\.com)?\s+[a-z]:|clear-disk\b|diskpart\b"),
    (Action.TIME_CHANGED, r"(?:date\s+(?:-s|--set)|timedatectl\s+set-time|hwclock\s+--set|set-date\b|touch\s+.*-[a-z]*[dt]\s)"),  # noqa: E501
    (Action.TRANSFER_COMMAND, r"(?:scp|sftp|rsync|pscp|psftp|winscp|ftp|lftp|ncftpput|tftp|rclone|s3cmd|gsutil|azcopy)(?:\.exe|\.com)?\s"),  # noqa: E501
    (Action.TRANSFER_COMMAND, r"aws(?:\.exe)?\s+s3\s+(?:cp|mv|sync)|gcloud\s+storage\s+cp|gdrive\s+(?:files\s+)?upload"),  # noqa: E501
    (Action.TRANSFER_COMMAND, r"curl(?:\.exe)?\b.*\s(?:-[a-z]*[tf]\b|-[TF]\S|--upload-file|--form|--data|-d\s|--data-binary)"),  # noqa: E501
    (Action.TRANSFER_COMMAND, r"wget\b.*--(?:post|body)-(?:file|data)|(?:nc|ncat|socat)(?:\.exe)?\s"),
    (Action.TRANSFER_COMMAND, r"(?:invoke-webrequest|invoke-restmethod|iwr|irm)\b.*-(?:infile|method\s+(?:post|put))"),
    (Action.TRANSFER_COMMAND, r"(?:mail|mailx|mutt|sendmail|send-mailmessage)\b|start-bitstransfer\b.*upload|bitsadmin\b.*/upload"),  # noqa: E501
    (Action.ARCHIVE_COMMAND, r"(?:zip|7z|7za|7zr|rar|winrar|tar|gpg|openssl\s+enc|age|veracrypt|compress-archive)(?:\.exe)?\s"),  # noqa: E501
)  # fmt: skip
_COMPILED: Final = tuple((kind, re.compile(_START + f"(?:{text})", re.IGNORECASE)) for kind, text in _KINDS)
_HIDDEN: Final = "•••"
_SECRETS: Final = (
    re.compile(r"(?i)((?:--?(?:password|passwd|passphrase|pass|pwd|token|secret|api-?key)|[?&]\w*(?:token|key|pass|sig)\w*)[=\s:]+)"
               r"(?:\"[^\"]*\"|'[^']*'|\S+)"),
    re.compile(r"(?i)(\b\w*(?:password|passwd|passphrase|secret|token|api_?key|pwd)\w*\s*=\s*)(?:\"[^\"]*\"|'[^']*'|[^\s;&]+)"),
    re.compile(r"(?i)(\b(?:identified\s+by|password|passwd)\s+(?:by\s+|as\s+)?)(?:\"[^\"]*\"|'[^']*')"),
    re.compile(r"(?i)((?:authorization|cookie|x-api-key)\s*:\s*)[^\"'\r\n]+"),
    re.compile(r"(\s(?:-u|--user)[=\s]*[\"']?[^\s:\"']*:)[^\s\"'@]+"),
    re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)"),
    re.compile(r"(\b(?:7za?|7zr|rar|mysql|mysqldump|sshpass|zip|unzip)(?:\.exe)?\b.*?\s-[pP])(?!\s)(?:\"[^\"]*\"|'[^']*'|\S+)"),
    re.compile(r"(\b(?:zip|unzip|sshpass)(?:\.exe)?\b.*?\s-[pP]\s+)(?:\"[^\"]*\"|'[^']*'|\S+)"),
)  # fmt: skip
_LONGEST: Final = 4096


def action_of(command: str) -> Action:
    """Return what kind of command it is; an unknown one is just a command that was run."""
    text = command[:_LONGEST]
    return next((kind for kind, pattern in _COMPILED if pattern.search(text)), Action.COMMAND_RUN)


def mask_secrets(command: str) -> str:
    """Return a command with passwords, tokens and keys replaced by dots, at most 4,096 characters of it."""
    text = command[:_LONGEST]
    for pattern in _SECRETS:
        text = pattern.sub(lambda found: found.group(1) + _HIDDEN, text)
    return text
