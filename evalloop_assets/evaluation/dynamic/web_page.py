"""A policy as its users reach it: through its chat page, in a real browser.

Selectors are in a YAML file (`docs/evaluation/page.yaml`). The page keeps the conversation itself, so that a policy
holds one conversation at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evalloop_assets.evaluation.dynamic.converse import NoReply
from evalloop_assets.lake.errors import UserError

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

STEP_MS = 50


class PageFile(BaseModel):
    """Where the page keeps what; selectors as Playwright knows them, an empty one is not there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(pattern="^https?://")
    input: str = Field(min_length=1)
    reply: str = Field(min_length=1)
    send: str = ""
    busy: str = ""
    system: str = ""
    new_conversation: str = ""
    timeout: float = Field(60.0, gt=0)
    """Seconds."""
    settled: float = Field(0.5, ge=0)
    """Seconds."""


def load_page_file(path: Path) -> PageFile:
    """The selectors of a YAML file; UserError where it cannot be read or says something else."""
    mend = "docs/evaluation/page.yaml is one to begin with."
    try:
        held = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise UserError(f"file {path}", f"cannot be read ({why})", mend) from error
    try:
        return PageFile.model_validate(held)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UserError(f"file {path}", f"{where}: {first['msg']}", mend) from error


class PagePolicy:
    """Types the user's message, sends it, and reads the reply when it stands still."""

    def __init__(self, page: Page, at: PageFile) -> None:
        self._page, self._at = page, at
        self._page.set_default_timeout(at.timeout * 1000)

    def reply(self, messages: Sequence[Mapping[str, str]], system: str) -> str:
        from playwright.sync_api import Error, TimeoutError

        try:
            if len(messages) == 1:
                self._begin(system)
            return self._ask(messages[-1]["content"])
        except TimeoutError as error:
            raise NoReply(f"the page did nothing in time: {_first_line(error)}") from error
        except Error as error:
            raise NoReply(f"the page failed: {_first_line(error)}") from error

    def _begin(self, system: str) -> None:
        self._page.goto(self._at.url)
        if self._at.new_conversation:
            self._page.locator(self._at.new_conversation).first.click()
        if self._at.system:
            self._page.locator(self._at.system).first.fill(system)
        elif system:
            raise NoReply("the page has no field for a system prompt")

    def _ask(self, message: str) -> str:
        replies = self._page.locator(self._at.reply)
        before = replies.count()
        field = self._page.locator(self._at.input).first
        field.fill(message)
        if self._at.send:
            self._page.locator(self._at.send).first.click()
        else:
            field.press("Enter")
        replies.nth(before).wait_for(state="attached")
        if self._at.busy:
            self._page.locator(self._at.busy).first.wait_for(state="hidden")
        return self._settled(replies, before)

    def _settled(self, replies: Locator, before: int) -> str:
        """The text of all that came after those before, when it has not changed for a while; NoReply where it never
        stops to change.
        """
        text, still, waited = _after(replies, before), 0.0, 0.0
        while still < self._at.settled * 1000 or not text.strip():
            if waited > self._at.timeout * 1000:
                raise NoReply(
                    "the page's reply did not come to an end" if text.strip() else "the page's reply is empty"
                )
            self._page.wait_for_timeout(STEP_MS)
            waited += STEP_MS
            now = _after(replies, before)
            still = still + STEP_MS if now == text else 0.0
            text = now
        return text.strip()


@contextmanager
def page_policy(at: PageFile, executable: str | None) -> Iterator[PagePolicy]:
    """The policy behind the page, in a Chromium without a window: that executable, or Playwright's own. UserError where
    there is none.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        mend = "Install it: pip install 'evalloop-assets[browser]'."
        raise UserError("package playwright", "is not installed, and a page needs it", mend) from error
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=executable)
        except Error as error:
            mend = "Install it: apt-get install chromium, or playwright install chromium."
            raise UserError("Chromium", f"does not start ({_first_line(error)})", mend) from error
        try:
            yield PagePolicy(browser.new_page(), at)
        finally:
            browser.close()


def _after(replies: Locator, before: int) -> str:
    return "\n".join(replies.all_inner_texts()[before:])


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
