"""The artefact family: traces of activity, one module per kind. Add a class to its tuple and it is read."""

from __future__ import annotations

from typing import Final

from pipeline.artefacts.activities import Activities
from pipeline.artefacts.amcache import ProgramInventory
from pipeline.artefacts.audit_log import AuditLog
from pipeline.artefacts.aws_history import AwsHistory
from pipeline.artefacts.base import Action, Artefact, Audit, Candidate, Event, Fact, Trouble, VolumeArtefact
from pipeline.artefacts.burn_folder import BurnFolder
from pipeline.artefacts.chromium import ChromiumHistory
from pipeline.artefacts.chromium_preferences import ChromiumPreferences
from pipeline.artefacts.chromium_stores import (
    ChromiumCookies,
    ChromiumForms,
    ChromiumIcons,
    ChromiumLogins,
    ChromiumTopSites,
)
from pipeline.artefacts.cloud import DriveFiles, DropboxHistory, NextcloudJournal, OneDriveFiles
from pipeline.artefacts.compatibility import CompatibilityLog, CrashReport, RecentFiles
from pipeline.artefacts.custom_jumplist import CustomJumpList
from pipeline.artefacts.desktop import RecentlyUsed, TrashInfo
from pipeline.artefacts.evtx import WindowsEventLog
from pipeline.artefacts.exchange_log import ExchangeTracking
from pipeline.artefacts.fieldlogs import FirewallLog, IisLog
from pipeline.artefacts.file_times import FileTimes
from pipeline.artefacts.filelogs import FtpLog, RcloneLog, SmbdLog, TransferLog
from pipeline.artefacts.firefox import FirefoxDownloads, FirefoxPlaces
from pipeline.artefacts.firefox_forms import FirefoxForms
from pipeline.artefacts.fsevents import FileSystemEvents
from pipeline.artefacts.journal import SystemdJournal
from pipeline.artefacts.jumplists import AutomaticJumpList
from pipeline.artefacts.linux_settings import CronTable, KnownHosts
from pipeline.artefacts.lnk import Shortcut
from pipeline.artefacts.logins import FailedLogins, LastLogins, LoginRecords
from pipeline.artefacts.macos import FinderSettings, FsckLog, KnowledgeStore, QuarantineEvents, SharedFileList
from pipeline.artefacts.mailfolders import SentBox, SentMessage
from pipeline.artefacts.mailstores import OutlookMessage, OutlookStore
from pipeline.artefacts.notepad import NotepadTab
from pipeline.artefacts.ntuser_hive import NtuserHive
from pipeline.artefacts.onedrive_log import OneDriveLog
from pipeline.artefacts.prefetch import ProgramPrefetch
from pipeline.artefacts.printing import PageLog, PrintJob, PrintServerLog
from pipeline.artefacts.recycle import OldRecycleBin, RecycleBin
from pipeline.artefacts.safari import SafariDownloads, SafariHistory
from pipeline.artefacts.sam_hive import SamHive
from pipeline.artefacts.security_hive import SecurityHive
from pipeline.artefacts.setupapi import SetupLog
from pipeline.artefacts.shell import ShellHistory
from pipeline.artefacts.software_hive import SoftwareHive
from pipeline.artefacts.spool import SpoolFile, SpoolJob
from pipeline.artefacts.srum import ResourceUsage
from pipeline.artefacts.stick import StickTraces
from pipeline.artefacts.stray_hive import StrayHive
from pipeline.artefacts.synclogs import AzcopyLog, FileZillaLog, GcloudLog, GoogleSyncLog
from pipeline.artefacts.syslogs import AuthLog, EximLog, MailLog, SystemLog
from pipeline.artefacts.system_hive import SystemHive
from pipeline.artefacts.tasks import JobFile, TaskFile
from pipeline.artefacts.thumbnails import ThumbnailCache, ThumbsDatabase
from pipeline.artefacts.tools import CyberduckBookmark, FileZillaQueue, FileZillaServers, ToolSettings
from pipeline.artefacts.unread import UnreadStore
from pipeline.artefacts.usn import ChangeJournal
from pipeline.artefacts.usn_state import JournalState
from pipeline.artefacts.usrclass_hive import UsrclassHive
from pipeline.artefacts.webcache import WebCache
from pipeline.artefacts.weblogs import AccessLog, SquidLog, WebErrorLog
from pipeline.artefacts.windows_search import SearchIndex
from pipeline.artefacts.zeek import ZeekLog

__all__ = [
    "ARTEFACTS",
    "NAMES",
    "VOLUME_ARTEFACTS",
    "Action",
    "Artefact",
    "Audit",
    "Candidate",
    "Event",
    "Fact",
    "Trouble",
    "VolumeArtefact",
]

ARTEFACTS: Final[tuple[Artefact, ...]] = (
    ChromiumHistory(),
    ChromiumPreferences(),
    FirefoxPlaces(),
    FirefoxDownloads(),
    FirefoxForms(),
    ChromiumForms(),
    ChromiumLogins(),
    ChromiumCookies(),
    ChromiumIcons(),
    ChromiumTopSites(),
    SafariHistory(),
    SafariDownloads(),
    FileSystemEvents(),
    QuarantineEvents(),
    KnowledgeStore(),
    SharedFileList(),
    FinderSettings(),
    FsckLog(),
    WindowsEventLog(),
    AutomaticJumpList(),
    CustomJumpList(),
    Shortcut(),
    ProgramPrefetch(),
    OldRecycleBin(),
    RecycleBin(),
    ResourceUsage(),
    Activities(),
    CompatibilityLog(),
    CrashReport(),
    RecentFiles(),
    NotepadTab(),
    SpoolJob(),
    SpoolFile(),
    ThumbnailCache(),
    ThumbsDatabase(),
    WebCache(),
    SearchIndex(),
    JobFile(),
    TaskFile(),
    SetupLog(),
    ProgramInventory(),
    SamHive(),
    SecurityHive(),
    SoftwareHive(),
    StrayHive(),
    NtuserHive(),
    UsrclassHive(),
    SystemHive(),
    ShellHistory(),
    AccessLog(),
    SquidLog(),
    WebErrorLog(),
    AuthLog(),
    SystemLog(),
    MailLog(),
    EximLog(),
    FtpLog(),
    TransferLog(),
    SmbdLog(),
    RcloneLog(),
    FirewallLog(),
    IisLog(),
    ExchangeTracking(),
    ZeekLog(),
    AuditLog(),
    SystemdJournal(),
    LoginRecords(),
    FailedLogins(),
    LastLogins(),
    RecentlyUsed(),
    TrashInfo(),
    KnownHosts(),
    CronTable(),
    PageLog(),
    PrintJob(),
    PrintServerLog(),
    AwsHistory(),
    DropboxHistory(),
    OneDriveFiles(),
    OneDriveLog(),
    DriveFiles(),
    NextcloudJournal(),
    GoogleSyncLog(),
    AzcopyLog(),
    GcloudLog(),
    FileZillaLog(),
    FileZillaServers(),
    FileZillaQueue(),
    CyberduckBookmark(),
    ToolSettings(),
    UnreadStore(),
    SentBox(),
    SentMessage(),
    OutlookStore(),
    OutlookMessage(),
    ChangeJournal(),
    JournalState(),
)
VOLUME_ARTEFACTS: Final[tuple[VolumeArtefact, ...]] = (BurnFolder(), FileTimes(), StickTraces())
NAMES: Final = (*(known.name for known in ARTEFACTS), *(known.name for known in VOLUME_ARTEFACTS))
"""The names that rules give to no artefact of their own."""
