"""What can go wrong, each kind with the exit code it ends a command with.

Bad *data* is not an error: it becomes a :class:`~pipeline.records.Diagnostic` row. These classes are for bad programs,
settings, images and digests.
"""

__all__ = [
    "EXIT_BUG",
    "EXIT_COMPLETE",
    "EXIT_INTEGRITY",
    "EXIT_LOST",
    "EXIT_USAGE",
    "IntegrityError",
    "ParseError",
    "RuleError",
    "SettingsError",
    "TriageError",
    "UnreadableError",
]

EXIT_COMPLETE = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_LOST = 3
EXIT_INTEGRITY = 4


class TriageError(Exception):
    """Anything this program says about itself, its input or its settings."""

    exit_code = EXIT_BUG


class SettingsError(TriageError):
    """The command line, ``case.toml`` or a key is wrong; the message names file and line where there is one."""

    exit_code = EXIT_USAGE


class RuleError(TriageError):
    """A rule file is wrong; the message names file and line."""

    exit_code = EXIT_USAGE


class UnreadableError(TriageError):
    """An image, a volume or a file cannot be read; the message says what, where and what to do."""

    exit_code = EXIT_LOST


class ParseError(UnreadableError):
    """Bytes do not follow the format they claim; a plug-in raises it, the border turns it into a diagnostic."""


class IntegrityError(TriageError):
    """A digest, a signature or a chain does not agree; never caught on the way to the exit code."""

    exit_code = EXIT_INTEGRITY
