"""What a story tells: the seed, the drought, the darkness, and who does what when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoryPlan:
    """A season of the village.

    Days count from the season's first day, 1 March.

    Parameters
    ----------
    seed
        Of the village, its weather, devices, scenes and people's habits.
    farmers
        How many farmers live there.
    drought
        Whether the dry spell of the third month strikes the eastern zone.
    open_day
        The centre opens the lines of those whom it knows.
    dark_from_day, dark_days
        When the station's uplink is cut, and for how long [d].
    harvest_day
        From here on lines are repaid; all harvests are in soon after.
    days
        Length of the story [d].
    sample_minutes
        How often devices measure [min].
    pictures
        Whether each plot is drawn by date for the console and the kiosk.
    """

    seed: int = 5
    farmers: int = 42
    drought: bool = True
    open_day: int = 12
    dark_from_day: int = 78
    dark_days: int = 30
    harvest_day: int = 158
    days: int = 172
    sample_minutes: int = 180
    pictures: bool = False

    @property
    def dark_to_day(self) -> int:
        """The first day on which the link is back."""
        return self.dark_from_day + self.dark_days

    def is_dark(self, day: int) -> bool:
        """Whether the uplink is cut on a day."""
        return self.dark_from_day <= day < self.dark_to_day
