"""What can be said in a reservation call: slots, their values, and the words for each value."""

SLOTS = ("service", "day", "time", "party", "name")
NONE, ANY = "none", "dontcare"
"""Nothing was said of a slot; the caller leaves it open."""

SERVICES = ("book", "change", "cancel", "enquire")
NEEDED = {
    "book": ("day", "time", "party", "name"),
    "change": ("name", "day", "time"),
    "cancel": ("name", "day"),
    "enquire": ("day", "time", "party"),
}
"""What each service has to know, in the order of asking."""

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def _times() -> dict[str, tuple[str, ...]]:
    times = {}
    for hour in range(5, 10):
        word, following = NUMBERS[hour - 1], NUMBERS[hour]
        times[f"{hour + 12}:00"] = (word, f"{word} o'clock", f"{word} pm")
        times[f"{hour + 12}:15"] = (f"quarter past {word}", f"{word} fifteen")
        times[f"{hour + 12}:30"] = (f"half past {word}", f"{word} thirty")
        times[f"{hour + 12}:45"] = (f"quarter to {following}", f"{word} forty five")
    return times


TIMES = _times()
PARTIES = {str(size): (NUMBERS[size - 1],) for size in range(2, 10)}

TRAIN_NAMES = [
    "adams",
    "allen",
    "archer",
    "bailey",
    "baker",
    "barnes",
    "bennett",
    "brooks",
    "butler",
    "carter",
    "chapman",
    "clarke",
    "collins",
    "cooper",
    "cox",
    "davies",
    "dixon",
    "edwards",
    "ellis",
    "evans",
    "fisher",
    "foster",
    "gibson",
    "graham",
    "grant",
    "gray",
    "green",
    "griffin",
    "hall",
    "hamilton",
    "harris",
    "harvey",
    "hill",
    "holmes",
    "hughes",
    "hunt",
    "jackson",
    "james",
    "jenkins",
    "johnson",
    "kelly",
    "kennedy",
    "king",
    "knight",
    "lawson",
    "lee",
    "lewis",
    "marshall",
    "martin",
    "mason",
    "matthews",
    "miller",
    "mitchell",
    "moore",
    "morgan",
    "morris",
    "murphy",
    "murray",
]
TEST_NAMES = [
    "abbott",
    "barker",
    "carpenter",
    "dawson",
    "elliott",
    "fletcher",
    "gardner",
    "harrison",
    "ingram",
    "jordan",
    "kirby",
    "lambert",
    "mills",
    "newton",
    "osborne",
    "parsons",
    "quinn",
    "reynolds",
    "saunders",
    "turner",
    "underwood",
    "vaughan",
    "webster",
    "young",
]
"""Surnames of the calls of the test split; no other call has one of them."""

SPOKEN = {
    "day": {day: (day,) for day in DAYS},
    "time": TIMES,
    "party": PARTIES,
    "name": {name: (name,) for name in (*TRAIN_NAMES, *TEST_NAMES)},
}
"""Words for each value, by slot."""

HESITATIONS = ("uh", "um", "er")


def names(split: str) -> tuple[str, ...]:
    """Surnames of a split's callers."""
    return TEST_NAMES if split == "test" else TRAIN_NAMES
