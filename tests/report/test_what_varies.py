"""What a blind comparison shows of a prompt: the question first, and apart what is the same in every case."""

from __future__ import annotations

from evalharness.records import Message
from evalharness.review.what_varies import Place, shown_prompts, without_prompt

SYSTEM, SHOT, REPLY = ("system", "Be brief."), ("user", "Where?"), ("assistant", "Here.")


def shown(*conversations: tuple[tuple[str, str], ...], prompts: str = "") -> list[tuple[object, ...]]:
    """Question, others and same of each conversation; `prompts` names the prompt of each by a letter."""
    names = prompts or "p" * len(conversations)
    places = [Place(f"case-{n}", "m", name) for n, name in enumerate(names)]
    messages = {
        place: tuple(Message(*turn) for turn in turns) for place, turns in zip(places, conversations, strict=True)
    }
    found = shown_prompts(messages)
    return [(found[place].question, found[place].others, found[place].same) for place in places]


def test_examples_and_instructions_are_apart() -> None:
    """They are in every case; the question is in one."""
    first, _ = shown((SYSTEM, SHOT, REPLY, ("user", "1?")), (SYSTEM, SHOT, REPLY, ("user", "2?")))
    assert first == ((("user", "1?"),), (), (SYSTEM, SHOT, REPLY))


def test_several_turns() -> None:
    """The last message of the user that varies is the question; the others of the case keep their order."""
    turns = (SYSTEM, ("user", "1a"), ("assistant", "1b"), ("user", "1c"), ("tool", "1d"), ("user", "Answer:"))
    first, _ = shown(turns, (SYSTEM, ("user", "2"), ("user", "Answer:")))
    others = (("user", "1a"), ("assistant", "1b"), ("tool", "1d"))
    assert first == ((("user", "1c"),), others, (SYSTEM, ("user", "Answer:")))


def test_a_question_outside_of_the_messages_of_the_user() -> None:
    """What varies is the question, whatever its role; a case without messages has none."""
    first, _ = shown((("system", "1?"), SHOT), (("system", "2?"), SHOT))
    assert first == ((("system", "1?"),), (), (SHOT,))
    assert shown((), (SHOT,))[0] == ((), (), ())


def test_nothing_varies() -> None:
    """One case, or equal cases, fold nothing: nothing says what is the same in every case."""
    for conversations in [((SYSTEM, SHOT),), ((SYSTEM, SHOT), (SYSTEM, SHOT))]:
        assert shown(*conversations)[0] == ((SHOT,), (SYSTEM,), ())


def test_each_prompt_has_its_own() -> None:
    """Messages of another prompt do not count."""
    first, *_ = shown((SYSTEM, ("user", "1?")), (SYSTEM, ("user", "2?")), (("user", "1!"),), prompts="ppq")
    assert first == ((("user", "1?"),), (), (SYSTEM,))


def test_two_prompts_show_no_instruction_of_one() -> None:
    """Only messages that both prompts have, and questions, are left."""
    places = [Place(case, "m", prompt) for prompt in "pq" for case in "12"]
    turns = {place: [("system", place.prompt), SHOT, ("system", place), ("user", place.case)] for place in places}
    messages = {place: tuple(Message(role, str(text)) for role, text in found) for place, found in turns.items()}
    found = shown_prompts(messages)
    both = without_prompt(found[places[0]], found[places[2]])
    assert (both.question, both.others, both.same) == ((("user", "1"),), (), (SHOT,))
