"""Names of the folders that Windows calls by identifier.

SOURCE: KnownFolders.h (FOLDERID_*) and the CLSIDs of shell name spaces (ShlGuid.h); libfwsi wiki, "Shell Folder
identifiers".
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["folder_name", "with_names"]

_FOLDERS: Final = {
    "20d04fe0-3aea-1069-a2d8-08002b30309d": "This PC", "59031a47-3f72-44a7-89c5-5595fe6b30ee": "User's Files",
    "031e4825-7b94-4dc3-b131-e946b44c8dd5": "Libraries", "208d2c60-3aea-1069-a2d7-08002b30309d": "Network Places",
    "f02c1a0d-be21-4350-88b0-7367fc96ef3c": "Network", "645ff040-5081-101b-9f08-00aa002f954e": "Recycle Bin",
    "679f85cb-0220-4080-b29b-5540cc05aab6": "Quick access", "018d5c66-4533-4307-9b53-224de2ed1fe6": "OneDrive",
    "f874310e-b6b7-47dc-bc84-b9e6b38f5903": "Home", "9343812e-1c37-4a49-a12e-4b2d810d956b": "Search",
    "26ee0668-a00a-44d7-9371-beb064c98683": "Control Panel", "21ec2020-3aea-1069-a2dd-08002b30309d": "Control Panel",
    "35786d3c-b075-49b9-88dd-029876e11c01": "Portable Devices",
    "088e3905-0323-4b02-9826-5d99428e115f": "Downloads", "374de290-123f-4565-9164-39c4925e467b": "Downloads",
    "b4bfcc3a-db2c-424c-b029-7fe99a87c641": "Desktop", "d3162b92-9365-467a-956b-92703aca08af": "Documents",
    "a8cdff1c-4878-43be-b5fd-f8091c1c60d0": "Documents", "fdd39ad0-238f-46af-adb4-6c85480369c7": "Documents",
    "450d8fba-ad25-11d0-98a8-0800361b1103": "Documents", "24ad3ad4-a569-4530-98e1-ab02f9417aa8": "Pictures",
    "33e28130-4e1e-4676-835a-98395c3bc3bb": "Pictures", "f86fa3ab-70d2-4fc9-9c99-fcbf05467f3a": "Videos",
    "18989b1d-99b5-455b-841c-ab7c74e4ddfc": "Videos", "3dfdf296-dbec-4fb4-81d1-6a3438bcf4de": "Music",
    "1cf1260c-4dd0-4ebb-811f-33c572699fde": "Music", "4bd8d571-6d19-48d3-be97-422220080e43": "Music",
    "6d809377-6af0-444b-8957-a3773f02200e": "%ProgramFiles%", "905e63b6-c1bf-494e-b29c-65b732d3d21a": "%ProgramFiles%",
    "7c5a40ef-a0fb-4bfc-874a-c0f2e0b9fa8e": "%ProgramFiles(x86)%",
    "1ac14e77-02e7-4e5d-b744-2eb1ae5198b7": "%SystemRoot%\\System32",
    "d65231b0-b2f1-4857-a4ce-a8e7c6ea7d27": "%SystemRoot%\\SysWOW64",
    "f38bf404-1d43-42f2-9305-67de0b28fc23": "%SystemRoot%", "5e6c858f-0e22-4760-9afe-ea3317b67173": "%UserProfile%",
    "f1b32785-6fba-4fcf-9d55-7b8e7f157091": "%LocalAppData%", "3eb685db-65f9-4cf6-a03a-e3ef65729f3d": "%AppData%",
    "0139d44e-6afe-49f2-8690-3dafcae6ffb8": "%ProgramData%\\Start Menu\\Programs",
    "a77f5d77-2e2b-44c3-a6a2-aba601054a51": "%AppData%\\Start Menu\\Programs",
    "9e3995ab-1f9c-4f13-b827-48b24b6c7174": "%AppData%\\User Pinned",
}  # fmt: skip
_IDENTIFIER: Final = re.compile(r"\{([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\}")


def folder_name(identifier: str) -> str:
    """Return the name of a folder by its identifier; an unknown one stands in braces."""
    return _FOLDERS.get(identifier.lower(), f"{{{identifier.lower()}}}")


def with_names(path: str) -> str:
    """Return a path with the identifiers in it replaced by names, where they are known."""
    return _IDENTIFIER.sub(lambda found: folder_name(found[1]), path)
