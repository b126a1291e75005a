"""Tokenizer, encoding and the training loop, on a model small enough for a test."""

import random
from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from training import mixture, model
from training.batches import Plan, collate, draw_block
from training.encode import Encoder, Grid, fit
from training.tokenizer import IMAGE, build
from training.train import Run, Trainer

SHAPE = model.Shape(
    vision_width=32, vision_layers=1, vision_kept=(0,), text_width=32, text_layers=3, cross_layers=(1,), heads=2
)
KINDS = ("receipt", "scene", "formula", "clock", "clip", "pair", "text")


@pytest.fixture(scope="module")
def tokenizer():
    rng = random.Random(0)
    return build([mixture.draw(rng, mixture.TRAINING) for _ in range(300)])


@pytest.fixture(scope="module")
def encoder(tokenizer):
    return Encoder(tokenizer, Grid())


@pytest.fixture(scope="module")
def batches(encoder):
    return draw_block(0, Plan(block=12, batch=4, seeing_blocks=0, easy_blocks=0), encoder)


def messages(chat):
    told = [{"role": "system", "content": chat.system}] if chat.system else []
    for turn in chat.turns:
        shown = [{"type": "image"} for _ in turn.drawings]
        told.append({"role": "user", "content": [*shown, {"type": "text", "text": turn.question}]})
        told.append({"role": "assistant", "content": [{"type": "text", "text": turn.text}]})
    return told


@pytest.mark.parametrize("kind", KINDS)
def test_text_comes_back_from_its_tokens(tokenizer, kind):
    for seed in range(20):
        for turn in mixture.draw(random.Random(seed), mixture.TRAINING, kind).turns:
            for text in (turn.question, turn.text):
                assert tokenizer.decode(tokenizer(text, add_special_tokens=False).input_ids) == text


def test_any_text_comes_back_from_its_tokens(tokenizer):
    text = 'Zażółć "gęślą" jaźń — 東京 \U0001f600\n\ttotal 12.40 €'
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False).input_ids) == text


def test_names_and_numbers_are_read_character_by_character(tokenizer):
    assert len(tokenizer("Xiaqu 12.40", add_special_tokens=False).input_ids) == 11


def test_the_image_token_is_the_first_that_the_output_layer_lacks(tokenizer):
    assert tokenizer.convert_tokens_to_ids(IMAGE) == len(tokenizer) - 1
    assert model.config(tokenizer, SHAPE).text_config.vocab_size == len(tokenizer) - 1


@pytest.mark.parametrize("kind", KINDS)
def test_training_sees_what_the_chat_template_writes(tokenizer, encoder, kind):
    for seed in range(5):
        chat = mixture.draw(random.Random(seed), mixture.TRAINING, kind)
        text = tokenizer.apply_chat_template(messages(chat), tokenize=False)
        assert encoder.encode(chat).ids.tolist() == tokenizer(text, add_special_tokens=False).input_ids


def test_only_answers_are_learnt(tokenizer, encoder):
    chat = mixture.draw(random.Random(1), mixture.TRAINING, "scene")
    sample = encoder.encode(chat)
    learnt = tokenizer.decode(sample.labels[sample.labels >= 0])
    assert learnt == "".join(turn.text + "<|eot_id|>" for turn in chat.turns)


def test_pixels_are_those_of_the_processor(tokenizer, encoder):
    chat = mixture.draw(random.Random(2), mixture.TRAINING, "receipt")
    sample = encoder.encode(chat)
    wanted = model.processor(tokenizer, Grid())(images=chat.drawings[0].image, return_tensors="pt")["pixel_values"]
    ours = torch.from_numpy(sample.pictures[0].pixels).permute(2, 0, 1).float() / 127.5 - 1
    assert (wanted[0, 0, 0] - ours).abs().mean() < 0.01


@pytest.mark.parametrize(("size", "fitted"), [((448, 224), (224, 112)), ((100, 50), (224, 112)), ((3, 900), (1, 224))])
def test_an_image_fits_its_tile(size, fitted):
    assert fit(size, 224) == fitted


def test_a_token_points_at_the_patch_it_is_read_from(encoder, tokenizer):
    chat = mixture.draw(random.Random(4), replace(mixture.TRAINING, wear=mixture.paper.CLEAN), "receipt")
    sample = encoder.encode(chat)
    assert (sample.sources >= 1).sum() > 5
    assert sample.sources.max() <= 256
    assert (sample.sources[sample.labels < 0] == -1).all()


def test_batches_hold_every_chat_and_are_the_same_each_time(encoder, batches):
    again = draw_block(0, Plan(block=12, batch=4, seeing_blocks=0, easy_blocks=0), encoder)
    assert sum(batch.size for batch in batches) == 12
    assert [batch.ids.tolist() for batch in batches] == [batch.ids.tolist() for batch in again]


def test_the_windows_are_those_of_the_processor(tokenizer, encoder):
    chat = mixture.draw(random.Random(3), mixture.TRAINING, "pair")
    sample = encoder.encode(chat)
    batch = collate([sample], tokenizer.pad_token_id)
    text = tokenizer.apply_chat_template(messages(chat), tokenize=False)
    shown = [chat.drawings[number].image for turn in chat.turns for number in turn.drawings]
    wanted = model.processor(tokenizer, Grid())(images=shown, text=text, add_special_tokens=False)
    assert batch.cross.tolist() == wanted["cross_attention_mask"].tolist()


def trainer(folder, tokenizer, steps=6):
    plan = Plan(batch=4, block=12)
    return Trainer(Run(folder=folder, steps=steps, warmup=1, plan=plan, shape=SHAPE, rate=3e-3), tokenizer)


def test_a_few_steps_lower_the_loss(tmp_path, tokenizer, batches):
    one = trainer(tmp_path, tokenizer, steps=30)
    batch = next(batch for batch in batches if batch.pixels is not None)
    losses = [one.step(batch)["token"] for _ in range(12)]
    assert losses[-1] < losses[0] * 0.9


def test_gates_start_open(tokenizer):
    gates = [p for name, p in model.build(tokenizer, SHAPE).named_parameters() if "gate" in name and p.numel() == 1]
    assert len(gates) >= 7
    assert all(float(gate.detach()) > 0.3 for gate in gates)


def test_a_checkpoint_goes_on_exactly_where_it_stopped(tmp_path, tokenizer, batches):
    full = [batch for batch in batches if batch.pixels is not None] * 2
    whole = trainer(tmp_path / "a", tokenizer)
    for batch in full[:2]:
        whole.step(batch)
    whole.save()
    resumed = trainer(tmp_path / "a", tokenizer)
    assert resumed.load()
    ahead = [whole.step(batch) for batch in full[2:4]]
    assert [resumed.step(batch) for batch in full[2:4]] == ahead
    assert resumed.progress.step == whole.progress.step == 4


def test_what_is_saved_loads_and_speaks(tmp_path, tokenizer):
    one = trainer(tmp_path, tokenizer)
    one.save()
    processor = AutoProcessor.from_pretrained(tmp_path / "model")
    loaded = AutoModelForImageTextToText.from_pretrained(tmp_path / "model", dtype=torch.float32)
    chat = mixture.draw(random.Random(5), mixture.TRAINING, "scene")
    text = processor.apply_chat_template(messages(chat)[:1], add_generation_prompt=True)
    inputs = processor(images=chat.drawings[0].image, text=text, add_special_tokens=False, return_tensors="pt")
    output = loaded.generate(**inputs, max_new_tokens=4, do_sample=False)
    assert output.shape[1] <= inputs["input_ids"].shape[1] + 4
    assert loaded.generation_config.eos_token_id == tokenizer.eos_token_id
