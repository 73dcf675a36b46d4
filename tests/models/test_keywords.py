"""The tracker without learning: what was named last is believed."""

from models.baselines.keywords import Keywords


def test_the_value_named_last_is_believed_by_its_longest_way() -> None:
    ways = {
        "19:00": ["19:00", "seven"],
        "19:30": ["seven thirty", "half past seven"],
        "north american": ["north american"],
    }
    tracker = Keywords(ways, "none")
    turns = ["hello", "At SEVEN!", "no half past seven", "", "seven or seven thirty", "19:00 then"]
    assert tracker.goals(turns) == ["none", "19:00", "19:30", "19:30", "19:30", "19:00"]
    assert tracker.goals(["north american food", "american north"]) == ["north american"] * 2
    assert Keywords({}, "none").goals(["seven"]) == ["none"]
