"""A conversation as turns: what is joined, what is left out, and which images are shown again."""

from backend.engine.local.turns import PromptTurn, split, with_earlier_media
from backend.types import Message, TextPart, VideoPart
from tests.support.engine import clip, image
from tests.support.messages import assistant, system, user

RED, GREEN, BLUE, GRAY, PINK = map(image, ("red", "green", "blue", "gray", "pink"))
SIZES = {RED: 1, GREEN: 1, BLUE: 1, GRAY: 1, PINK: 1, clip(64): 4, clip(16): 1}


def shown(*media: tuple, left_out: int = 0, repeat: int = 4) -> list[tuple]:
    turns = [PromptTurn(user(*own, "?"), (assistant("!"),), own) for own in media]
    return [turn.media for turn in with_earlier_media(turns, left_out, repeat, SIZES)]


def test_a_conversation_splits_into_system_prompt_and_turns() -> None:
    first, answer, second = user(RED, "What is it?"), assistant("Red."), user("Sure?")
    assert split([system("Be brief."), first, answer, second]) == (
        "Be brief.",
        [PromptTurn(first, (answer,), (RED,)), PromptTurn(second)],
    )


def test_several_system_prompts_become_one_with_an_empty_line_between_them() -> None:
    hello = user("Hello.")
    messages = [system("Be brief."), system(""), hello, system("Answer in French.")]
    assert split(messages) == ("Be brief.\n\nAnswer in French.", [PromptTurn(hello)])


def test_media_come_before_the_text_of_their_turn() -> None:
    (turn,) = split([user("Look:", RED, "and", GREEN)])[1]
    assert turn.messages == (Message("user", (RED, GREEN, TextPart("Look:\nand"))),)


def test_an_answer_stopped_before_its_first_token_joins_the_questions_around_it() -> None:
    (turn,) = split([user(RED, "What?"), assistant(""), user("Hello?")])[1]
    assert turn.user.text == "What?\nHello?"
    assert turn.media == (RED,)


def test_without_new_images_nothing_is_shown_again() -> None:
    assert shown((RED,), (), ()) == [(RED,), (), ()]


def test_a_new_image_comes_after_the_earlier_ones() -> None:
    assert shown((RED,), (), (GREEN,), (), (BLUE,)) == [(RED,), (), (RED, GREEN), (), (RED, GREEN, BLUE)]


def test_an_image_sent_again_is_shown_once() -> None:
    assert shown((RED,), (GREEN,), (RED,)) == [(RED,), (RED, GREEN), (GREEN, RED)]


def test_only_the_newest_of_many_images_are_shown_again() -> None:
    assert shown((RED,), (GREEN,), (BLUE,), repeat=1) == [(RED,), (RED, GREEN), (GREEN, BLUE)]


def test_a_clip_is_shown_again_whole_or_not_at_all() -> None:
    assert shown((clip(64),), (RED,)) == [(clip(64),), (clip(64), RED)]
    assert shown((clip(64),), (RED,), (GREEN,)) == [(clip(64),), (clip(64), RED), (RED, GREEN)]


def test_of_a_clip_only_what_was_shown_last_is_shown_again() -> None:
    close = VideoPart("clip", 16, 1.0, 2.0)
    SIZES[close] = 1
    assert shown((clip(64),), (close,), (RED,)) == [(clip(64),), (close,), (close, RED)]


def test_a_longer_conversation_begins_as_the_shorter_one_did() -> None:
    media = ((RED,), (), (GREEN, BLUE), (), (clip(16),), (GRAY,), (PINK,))
    whole = shown(*media)
    for length in range(1, len(media)):
        assert shown(*media[:length]) == whole[:length]


def test_images_of_turns_that_are_left_out_stay_in_sight() -> None:
    assert shown((RED,), (), (), left_out=1) == [(RED,), ()]
    assert shown((RED,), (), (GREEN,), left_out=2) == [(RED, GREEN)]
