"""The page that is shown after leaving: a month, as it may stand on anybody's screen."""

import calendar
from dataclasses import dataclass

from babel.dates import format_skeleton

from source_interface.language import current, digits, number
from store import clock


@dataclass(frozen=True)
class Month:
    """As the page's language writes it. `weekdays` are short and long; in a week, days of another month are empty."""

    title: str
    weekdays: tuple[tuple[str, str], ...]
    weeks: tuple[tuple[str, ...], ...]


def month_of(day: int) -> Month:
    """The month in which a day lies, given in days since 1970."""
    date, locale = clock.date_of(day), current().locale
    days = calendar.Calendar(locale.first_week_day)
    short, long = (locale.days["stand-alone"][width] for width in ("narrow", "wide"))
    return Month(
        digits(format_skeleton("yMMMM", date, locale=locale)),
        tuple((short[weekday], long[weekday]) for weekday in days.iterweekdays()),
        tuple(
            tuple(number(day) if day else "" for day in week) for week in days.monthdayscalendar(date.year, date.month)
        ),
    )
