"""The scenarios as Python objects: what `MockKraken` offers as `scenarios`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mockkraken.control.scenarios import begin, found

if TYPE_CHECKING:
    from mockkraken.control.client import Perform
    from mockkraken.scenarios.scenario import Scenario


class ScenarioHandle:
    """One scenario.

    Attributes:
        name: its file's name.
        id: the number of the nonce scenario that it shows (`N06`), or None.
        title: in one line.
        about: what happens in it, and why.
    """

    __slots__ = ("_perform", "_scenario", "about", "id", "name", "title")

    def __init__(self, perform: Perform, scenario: Scenario) -> None:
        self._perform = perform
        self._scenario = scenario
        self.name = scenario.name
        self.id = scenario.id
        self.title = scenario.title
        self.about = scenario.about

    def __repr__(self) -> str:
        return f"<scenario {self.name!r}>"

    def start(self) -> dict[str, Any]:
        """Set it up, on top of what is there; `reset(scenario=...)` begins anew.

        Returns:
            `keys`: those that it made, with their secrets; `faults`: the ids of its faults; `later`: what comes when
            the clock reaches it.

        Raises:
            ControlError: a step of its set-up is refused, or there is another key of a name that it uses (409).
        """
        done: dict[str, Any] = self._perform(begin, self._scenario)
        return done


class ScenariosControl:
    """The scenarios: `scenarios["nonce_race"]`, by name or id; or the path of a TOML file."""

    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def __getitem__(self, name_or_path: str) -> ScenarioHandle:
        return ScenarioHandle(self._perform, found(name_or_path))

    def __iter__(self) -> Iterator[ScenarioHandle]:
        from mockkraken.scenarios import shipped

        return iter([ScenarioHandle(self._perform, scenario) for scenario in shipped.every()])
