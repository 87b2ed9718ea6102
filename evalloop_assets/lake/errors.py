"""The one kind of error that is the user's to mend."""

from __future__ import annotations


class UserError(Exception):
    """Names the thing, the reason and the mend; the command line prints it without a traceback."""

    def __init__(self, what: str, why: str, mend: str) -> None:
        super().__init__(what, why, mend)
        self.what, self.why, self.mend = what, why, mend

    def __str__(self) -> str:
        return f"{self.what}: {self.why}. {self.mend}"
