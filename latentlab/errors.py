"""The errors a user can cause. Each says what was wrong, where, and how to mend it, in one line.

The command line prints the message without a traceback and exits with the error's code.
Anything else that escapes is a bug and exits with 1.
"""


class LatentlabError(Exception):
    """Base of every error that a user can mend."""

    exit_code = 1


class ConfigError(LatentlabError):
    """A setting, an option or a config file is wrong."""

    exit_code = 2


class DataError(LatentlabError):
    """A file of the user's, or the machine's room for it, is not as it must be."""

    exit_code = 3


class MissingArtifactError(DataError):
    """A stage needs an artefact that an earlier stage has not made."""


class CheckFailedError(LatentlabError):
    """A check that the user asked for did not pass."""

    exit_code = 4


class StoppedError(LatentlabError):
    """The work was stopped from outside at a point from which it can be resumed."""

    exit_code = 75


class NotPortable(LatentlabError):
    """A model's decoder cannot run in a page. The message is the reason, as a clause in a sentence
    that says so; a page shows pictures made beforehand instead."""
