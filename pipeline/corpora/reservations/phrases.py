"""What callers say, phrase by phrase; those of the test split occur in no other call.

``{day}`` stands for a value that the caller wants, ``{not_day}`` for one that is not wanted (any
more), ``{mention_day}`` for one that is only talked of.  Likewise for time, party and name.
"""

TRAIN = {
    "hello": ("hello", "hi", "good evening", "hi there"),
    "book": (
        "i would like to book a table",
        "i want to make a reservation",
        "can i get a table",
        "i need a table",
    ),
    "change": (
        "i want to change my booking",
        "i have to move my reservation",
        "can i change a reservation",
    ),
    "cancel": (
        "i want to cancel my booking",
        "please cancel my reservation",
        "we have to cancel our table",
    ),
    "enquire": (
        "i have a question about a table",
        "do you still have a table",
        "do you have anything free",
    ),
    "then book": ("ok then i will take it", "good then book that"),
    "on day": ("on {day}", "for {day} evening", "{day} evening"),
    "only day": ("{day}", "on {day} please", "it is for {day}"),
    "any day": ("any day is fine", "the day does not matter"),
    "at time": ("at {time}", "around {time}", "for {time} in the evening"),
    "only time": ("{time}", "at {time} please", "about {time}"),
    "any time": ("any time is fine", "the time does not matter"),
    "for party": ("for {party}", "for {party} people", "we are {party}"),
    "only party": ("{party}", "{party} people", "there are {party} of us"),
    "with name": ("my name is {name}", "the name is {name}", "this is {name}"),
    "only name": ("{name}", "it is {name}", "{name} is the name"),
    "new day": ("make that {day}", "not {not_day} but {day}", "sorry {day} instead of {not_day}"),
    "new time": (
        "make that {time}",
        "not {not_time} but {time}",
        "sorry {time} rather than {not_time}",
    ),
    "new party": (
        "make that {party} people",
        "no we will be {party}",
        "{party} of us and not {not_party}",
    ),
    "not day": ("not {not_day}", "{not_day} does not work for me"),
    "moved day": ("from {not_day} to {day}", "to {day} instead of {not_day}"),
    "mention day": ("we were there on {mention_day}", "my sister comes on {mention_day}"),
    "mention time": ("i called at {mention_time} already", "the film starts at {mention_time}"),
    "mention party": ("the last time we were {mention_party}",),
    "yes": ("yes", "yes please", "that is right"),
    "no": ("no", "no sorry", "that is wrong"),
    "i said": ("i said {day}", "i said {time}", "i said {party} people", "i said {name}"),
    "person": ("can i talk to a person", "i want to speak to somebody", "give me a human please"),
    "complaint": ("this is not working", "you are not listening", "i said that already"),
    "pardon": ("pardon", "what did you say", "can you say that again"),
    "bye": ("thank you", "thanks bye", "great thank you"),
}

TEST = {
    "hello": ("good afternoon", "hello there", "hey"),
    "book": (
        "could you reserve a table",
        "we would like to come for dinner",
        "i am calling to reserve something",
    ),
    "change": (
        "could you move our table",
        "i am calling because our plans have changed",
        "our reservation needs to be changed",
    ),
    "cancel": (
        "we cannot come after all",
        "i am calling to cancel",
        "could you cancel our dinner",
    ),
    "enquire": (
        "could you tell me whether there is space",
        "i wonder if there is a table left",
    ),
    "then book": ("fine let us reserve it", "perfect i will have that"),
    "on day": ("{day} night", "coming {day}"),
    "only day": ("{day} would be best", "let us say {day}"),
    "any day": ("i am free all week", "whichever day you like"),
    "at time": ("some time around {time}", "to be there by {time}"),
    "only time": ("{time} would be good", "let us say {time}"),
    "any time": ("whenever there is space", "we are flexible with the time"),
    "for party": ("a table for {party}", "a party of {party}"),
    "only party": ("we would be {party}", "just {party} of us"),
    "with name": ("the booking is under {name}", "{name} speaking"),
    "only name": ("{name} please", "under the name of {name}"),
    "new day": ("actually {day} is better", "let us do {day} and forget {not_day}"),
    "new time": ("actually {time} is better", "let us do {time} and forget {not_time}"),
    "new party": ("actually there will be {party} of us", "{not_party} is wrong it is {party}"),
    "not day": ("anything but {not_day}", "i cannot do {not_day}"),
    "moved day": ("we had {not_day} and want {day}", "put us on {day} and not on {not_day}"),
    "mention day": (
        "a friend of mine has her birthday on {mention_day}",
        "you were closed last {mention_day}",
    ),
    "mention time": ("my train gets in at {mention_time}", "i leave work at {mention_time}"),
    "mention party": ("you have seated {mention_party} of us before",),
    "yes": ("yeah", "correct", "yes that works"),
    "no": ("nope", "no that is not it", "not at all"),
    "i said": (
        "it was {day}",
        "it was {time}",
        "it was {party} of us",
        "it was {name}",
    ),
    "person": ("put me through to someone", "is there a real person"),
    "complaint": ("i have told you that twice", "why is this so hard"),
    "pardon": ("say again", "i did not catch that"),
    "bye": ("lovely thanks", "that was all goodbye"),
}

PHRASES = {"train": TRAIN, "test": TEST}

SERVICE_OF = {
    "book": "book",
    "change": "change",
    "cancel": "cancel",
    "enquire": "enquire",
    "then book": "book",
}
"""Kinds of phrase that ask for a service."""
OPEN_SLOT = {"any day": "day", "any time": "time"}
"""Kinds of phrase that leave a slot open."""


def phrases(split: str) -> dict[str, tuple[str, ...]]:
    """Phrases of a split's callers, by kind."""
    return TEST if split == "test" else TRAIN
