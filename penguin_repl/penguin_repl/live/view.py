"""The full-screen view of what runs: it takes the screen, and gives it back as it was."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from prompt_toolkit.application import Application
from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.layout import Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl
from prompt_toolkit.output import ColorDepth

from penguin.orchestration.backend import WorkflowError
from penguin_commands.execute import execute
from penguin_commands.results.changes import Changed
from penguin_repl.live.poller import Survey
from penguin_repl.live.view_layout import Scene, compose, list_height
from penguin_repl.live.workflow_detail import Portraitist
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples

    from penguin_commands.session import Session
    from penguin_repl.live.table import Glyphs

EVERY = 0.5
"""Seconds between two looks."""
SEVERAL = 10
"""Lines by which PgUp and PgDn move."""


class View:
    """One workflow, or all active ones with one of them from near, until a key ends it."""

    def __init__(self, session: Session, workflow_id: str | None, glyphs: Glyphs, *, color: bool) -> None:
        self._session = session
        self._only = workflow_id
        self._chosen = workflow_id
        """The id of the workflow that is shown from near."""
        self._glyphs = glyphs
        self._survey = Survey(session)
        self._portraitist = Portraitist(session)
        self._scene = Scene(listed=workflow_id is None)
        self._asking = False
        self._wake = asyncio.Event()
        self._app: Application[None] = Application(
            Layout(Window(FormattedTextControl(self._text), always_hide_cursor=True)),
            key_bindings=self._keys(),
            full_screen=True,
            color_depth=None if color else ColorDepth.DEPTH_1_BIT,
        )

    async def run(self) -> None:
        """Until it is left."""
        refreshing = asyncio.create_task(self._refresh())
        try:
            # The end of the terminal is noticed by whatever reads from it next.
            with suppress(EOFError):
                await self._app.run_async(set_exception_handler=False)
        finally:
            refreshing.cancel()

    # --- looking ---

    async def _refresh(self) -> None:
        while True:
            self._wake.clear()
            try:
                scene = await self._session.aside(self._look)
                self._scene = scene._replace(
                    logs=self._scene.logs, words=self._scene.words, back=self._back(scene, self._scene.back)
                )
            except WorkflowError as error:
                self._say(error.message)
            self._app.invalidate()
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._wake.wait()

    def _look(self) -> Scene:
        """Not on the loop."""
        room = list_height(self._app.output.get_size().rows)
        seen = self._survey.look(0)
        ids = [info.workflow_id for info in seen.active]
        if self._only is None:
            place = ids.index(self._chosen) if self._chosen in ids else min(self._scene.chosen, len(ids) - 1)
            self._chosen = ids[place] if ids else None
        else:
            place = 0
        first = max(0, min(self._scene.first, place), place - room + 1)
        first = min(first, max(0, len(ids) - room))
        if self._only is None:
            seen = self._survey.look(room, first)
        portrait = self._portraitist.portrait(self._chosen) if self._chosen else None
        return Scene(seen, place, first, self._only is None, portrait)

    def _text(self) -> StyleAndTextTuples:
        size = self._app.output.get_size()
        text: StyleAndTextTuples = []
        for line in compose(self._scene, size.columns, size.rows, self._glyphs, time.time()):
            text += [*line, ("", "\n")]
        return text[:-1]

    def _say(self, words: str) -> None:
        self._scene = self._scene._replace(words=clean(words))

    # --- keys ---

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        asking = Condition(lambda: self._asking)

        for key in ("q", "Q", "escape", "c-c", "c-d", "<sigint>"):
            keys.add(key, filter=~asking)(lambda event: event.app.exit())
        for key, lines in {"up": 1, "down": -1, "pageup": SEVERAL, "pagedown": -SEVERAL}.items():
            keys.add(key, filter=~asking)(lambda event, lines=lines: self._move(lines))
        for key, verb in {"p": "pause", "r": "resume"}.items():
            keys.add(key, filter=~asking)(lambda event, verb=verb: self._do(verb))
        keys.add("l", filter=~asking)(lambda event: self._turn())
        keys.add("c", filter=~asking)(lambda event: self._ask())
        for key in ("y", "Y"):
            keys.add(key, filter=asking, eager=True)(lambda event: self._answer(True))
        for key in ("<any>", "escape", "c-c", "c-d", "enter", "<sigint>"):
            keys.add(key, filter=asking)(lambda event: self._answer(False))
        return keys

    def _move(self, lines: int) -> None:
        """Up by so many lines: in the output, or where several workflows are listed, among them."""
        scene = self._scene
        if scene.logs or not scene.listed:
            self._scene = scene._replace(back=self._back(scene, scene.back + lines))
        elif scene.seen.active:
            place = min(max(0, scene.chosen - lines), len(scene.seen.active) - 1)
            self._chosen = scene.seen.active[place].workflow_id
            self._scene = scene._replace(chosen=place, back=0, words="")
        self._wake.set()

    def _back(self, scene: Scene, lines: int) -> int:
        """As far back as there is output."""
        return min(max(0, lines), max(0, len(scene.portrait.output) - 1)) if scene.portrait else 0

    def _turn(self) -> None:
        self._scene = self._scene._replace(logs=not self._scene.logs, back=0, words="")
        self._wake.set()

    def _ask(self) -> None:
        if self._chosen is not None:
            self._asking = True
            self._say(f"Cancel {self._chosen} and all that it runs? [y/n]")

    def _answer(self, yes: bool) -> None:
        self._asking = False
        self._say("")
        if yes:
            self._do("cancel")

    def _do(self, verb: str) -> None:
        if self._chosen is not None:
            self._app.create_background_task(self._change(verb, self._chosen))

    async def _change(self, verb: str, workflow_id: str) -> None:
        try:
            result = await execute(self._session, f"/workflow {verb} {workflow_id}")
            self._say(result.text if isinstance(result, Changed) else "")
        except (WorkflowError, OSError) as error:
            self._say(str(error))
        self._wake.set()
        self._app.invalidate()
