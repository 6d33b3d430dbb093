"""One word, one meaning: the words of `words.py` are held out of production code, and empty names out of the lab."""

from __future__ import annotations

from words import all_places, places

SOURCE = '''"""Wake it."""


def glance(one: int) -> int:
    found = one  # behind the door
    return found
'''


def test_nobody_uses_a_word_that_the_house_does_not_use() -> None:
    assert all_places() == []


def test_a_word_is_found_where_it_stands() -> None:
    uses = [use.split(": ", 1)[1].split(" -> ")[0] for use in places("tasks/made_up.py", SOURCE)]
    assert sorted(uses) == ["'Wake'", "'behind the door'", "'door'", "glance", "name found", "name one"]


def test_the_lab_tells_its_story_in_its_own_words_but_names_things() -> None:
    uses = [use.split(": ", 1)[1].split(" -> ")[0] for use in places("lab/made_up.py", SOURCE)]
    assert sorted(uses) == ["name found", "name one"]
