"""Tokenizer, encoding and the training loop, on a model small enough for a test."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from training import __main__ as command
from training import mixture, model, recipes, saving
from training.batches import Plan, ahead, collate, draw_block, tensors
from training.encode import Encoder, Grid, fit, picture
from training.labels import CHARACTERS
from training.tokenizer import IMAGE, build
from training.train import Run, Trainer, multiplies_bfloat16, optimizers
from training.values import Chat, Drawing, Mark, Piece, Turn, say

SHAPE = model.Shape(
    vision_width=32, vision_layers=1, vision_kept=(0,), text_width=32, text_layers=3, cross_layers=(1,), heads=2
)
KINDS = ("receipt", "scene", "formula", "clock", "clip", "pair", "text", "other")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    # Threads that wait for each other make such small steps many times slower on a busy machine.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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


def test_numbers_are_read_digit_by_digit_and_words_apart_from_them(tokenizer):
    """Numbers digit by digit, since they must be copied exactly; of a name no token goes past its letters."""
    pieces = [tokenizer.decode([token]) for token in tokenizer("Xiaqu 12.40", add_special_tokens=False).input_ids]
    assert "".join(pieces[: pieces.index(" ")]) == "Xiaqu"
    assert pieces[pieces.index(" ") :] == [" ", "1", "2", ".", "4", "0"]


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
    wanted = saving.processor(tokenizer, Grid())(images=chat.drawings[0].image, return_tensors="pt")["pixel_values"]
    ours = torch.from_numpy(sample.pictures[0].pixels[0]).permute(2, 0, 1).float() / 127.5 - 1
    assert (wanted[0, 0, 0] - ours).abs().mean() < 0.01


@pytest.mark.parametrize(("size", "fitted"), [((448, 224), (224, 112)), ((100, 50), (224, 112)), ((3, 900), (1, 224))])
def test_an_image_fits_its_tile(size, fitted):
    layout = fit(size, Grid())
    assert (layout.width, layout.height, layout.rows, layout.columns) == (*fitted, 1, 1)


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
    batch = collate([sample], tokenizer.pad_token_id, Grid())
    text = tokenizer.apply_chat_template(messages(chat), tokenize=False)
    shown = [chat.drawings[number].image for turn in chat.turns for number in turn.drawings]
    wanted = saving.processor(tokenizer, Grid())(images=shown, text=text, add_special_tokens=False)
    assert batch.cross.tolist() == wanted["cross_attention_mask"].tolist()


FOUR = Grid(tile=56, patch=14, tiles=4)


def paper(size, *marks):
    return Drawing(Image.effect_noise(size, 90).convert("RGB"), marks)


@pytest.mark.parametrize(
    "size", [(50, 40), (100, 50), (50, 120), (112, 112), (300, 280), (30, 400), (400, 60), (57, 56)]
)
def test_an_image_of_several_tiles_is_that_of_the_processor(tokenizer, size):
    drawing = paper(size)
    chat = Chat("test", (drawing,), (Turn("What?", say("This."), (0,)),))
    batch = collate([Encoder(tokenizer, FOUR).encode(chat)], tokenizer.pad_token_id, FOUR)
    ours = tensors(batch, torch.device("cpu"), FOUR)
    text = tokenizer.apply_chat_template(messages(chat), tokenize=False)
    wanted = saving.processor(tokenizer, FOUR)(
        images=drawing.image, text=text, add_special_tokens=False, return_tensors="pt"
    )
    assert sorted([*ours, "attention_mask"]) == sorted(wanted)  # padding needs no mask where only the past is seen
    assert (ours["pixel_values"] - wanted["pixel_values"]).abs().mean() < 0.01
    for name in ("input_ids", "aspect_ratio_ids", "aspect_ratio_mask", "cross_attention_mask"):
        assert ours[name].tolist() == wanted[name].tolist(), name


def test_a_mark_stands_in_its_own_tile():
    drawing = paper((112, 112), Mark(3, 3, "a", "shop", 0), Mark(109, 3, "b", "shop", 1), Mark(3, 60, "c", "shop", 2))
    classes = picture(drawing, FOUR).classes
    found = {(int(tile), int(place)): CHARACTERS[classes[tile, place, slot]]
             for tile, place, slot in np.argwhere(classes[..., :4])}  # fmt: skip
    assert found == {(0, 0): "a", (1, 3): "b", (2, 0): "c"}


def test_a_thing_across_tiles_is_told_in_each():
    classes = picture(paper((112, 112), Mark(56, 56, "", "circle", 5, 20.0)), FOUR).classes
    assert {int(tile) for tile in np.argwhere(classes[..., 4])[:, 0]} == {0, 1, 2, 3}


def test_a_token_of_several_tiles_points_at_the_key_of_its_patch(tokenizer):
    drawings = (paper((112, 112), Mark(3, 3, "x", "shop", 0)), paper((112, 112), Mark(3, 60, "y", "shop", 0)))
    answer = (Piece("x", (0,), 0), Piece("y", (0,), 1))
    sample = Encoder(tokenizer, FOUR).encode(Chat("test", drawings, (Turn("What?", answer, (0, 1)),)))
    # 17 keys a tile: a class token and 16 patches; the second image's keys come after the first image's four tiles.
    assert [int(key) for key in sample.sources if key >= 0] == [1, 4 * 17 + 2 * 17 + 1]


def test_a_model_of_several_tiles_learns_and_loads(tmp_path, tokenizer):
    plan = Plan(batch=4, block=8, seeing_blocks=0, easy_blocks=0, grid=FOUR, full=mixture.FULL)
    run = Run(folder=tmp_path, steps=20, warmup=1, plan=plan, shape=replace(SHAPE, grid=FOUR), rate=3e-3)
    one = Trainer(run, tokenizer)
    batch = max(draw_block(0, plan, Encoder(tokenizer, FOUR)), key=lambda batch: batch.images)
    losses = [one.step(batch) for _ in range(6)]
    assert all(losses[-1][name] < losses[0][name] for name in ("token", "patch"))
    seeing = replace(plan, block=4, seeing_blocks=1, seeing=mixture.FULL_SEEING)
    assert set(one.step(draw_block(0, seeing, Encoder(tokenizer, FOUR))[0])) == {"patch"}
    one.save()
    loaded = AutoModelForImageTextToText.from_pretrained(tmp_path / "model", dtype=torch.float32)
    processor = AutoProcessor.from_pretrained(tmp_path / "model")
    inputs = processor(
        images=paper((112, 60)).image, text="<|image|>What?", add_special_tokens=False, return_tensors="pt"
    )
    assert inputs["aspect_ratio_mask"].tolist() == [[[1, 1, 1, 1]]]
    assert loaded.generate(**inputs, max_new_tokens=2, do_sample=False).shape[1] > inputs["input_ids"].shape[1]


def test_each_recipe_is_small_enough_to_ship_and_fits_its_grid(tokenizer):
    for recipe in recipes.RECIPES.values():
        with torch.device("meta"):
            shipped = model.MllamaForConditionalGeneration(model.config(tokenizer, recipe.shape))
        assert sum(weight.numel() for weight in shipped.parameters()) * 2 < 30e6
        assert recipe.plan.grid == recipe.shape.grid


def test_the_command_line_takes_what_it_leaves_out_from_the_recipe(tmp_path):
    run = command.planned(command.parse(["--recipe", "gpu", "--batch", "8", "--checkpoints", str(tmp_path)]))
    assert (run.plan, run.shape) == (replace(recipes.GPU.plan, batch=8, seed=1), recipes.GPU.shape)
    assert (run.minutes, run.rate, run.folder) == (recipes.GPU.minutes, recipes.GPU.rate, tmp_path)
    assert command.planned(command.parse(["--recipe", "cpu", "--minutes", "3"])).minutes == 3


def test_batches_fetched_ahead_come_in_order_and_bring_their_error():
    def some():
        yield from range(10)
        raise RuntimeError("no more")

    fetched, seen = ahead(some(), depth=2), []
    with pytest.raises(RuntimeError, match="no more"):
        seen.extend(fetched)
    assert seen == list(range(10))


def trainer(folder, tokenizer, steps=6):
    plan = Plan(batch=4, block=12)
    return Trainer(Run(folder=folder, steps=steps, warmup=1, plan=plan, shape=SHAPE, rate=3e-3), tokenizer)


@pytest.mark.slow
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
    full = [batch for batch in batches if batch.pixels is not None] * 4
    whole = trainer(tmp_path / "a", tokenizer)
    for batch in full[:2]:
        whole.step(batch)
    whole.save()
    resumed = trainer(tmp_path / "a", tokenizer)
    assert resumed.load()
    ahead = [whole.step(batch) for batch in full[2:4]]
    assert [resumed.step(batch) for batch in full[2:4]] == ahead
    assert resumed.progress.step == whole.progress.step == 4


def test_training_begins_with_earlier_weights_of_its_shape_alone(tmp_path, tokenizer):
    trainer(tmp_path, tokenizer).save()
    run = Run(folder=tmp_path / "next", steps=6, start=tmp_path / "model", shape=SHAPE)
    begun = Trainer(run, tokenizer).learner.model
    kept = AutoModelForImageTextToText.from_pretrained(tmp_path / "model", dtype=torch.float32)
    assert torch.equal(begun.lm_head.weight, kept.lm_head.weight)
    with pytest.raises(ValueError, match=r"another shape than this recipe.*--recipe"):
        Trainer(replace(run, shape=replace(SHAPE, grid=FOUR)), tokenizer)


def test_weights_for_small_tiles_are_stretched_to_larger_ones(tmp_path, tokenizer):
    small, large = replace(SHAPE, grid=Grid(tile=28)), replace(SHAPE, grid=Grid(tile=56))
    before = model.build(tokenizer, small)
    places = before.model.vision_model.gated_positional_embedding.embedding.data
    places[1:] = torch.tensor([0.0, 1.0, 0.0, 1.0])[:, None]  # two rows of patches; what stands on the right is 1
    saving.save(before, tokenizer, small.grid, tmp_path)
    after = model.load(tmp_path, large, tokenizer)
    stretched = after.model.vision_model.gated_positional_embedding.embedding.data
    assert torch.allclose(stretched[0], places[0], atol=2e-2)
    rows = stretched[1:, 0].view(4, 4)
    assert torch.allclose(rows, rows[:1].expand(4, 4), atol=1e-6)
    assert rows[0].diff().min() > 0
    assert rows[0, 1] < 0.5 < rows[0, 2]
    assert torch.equal(after.lm_head.weight, model.load(tmp_path, small, tokenizer).lm_head.weight)
    pixels = torch.zeros(1, 1, 1, 3, 56, 56)
    seen = after.model.vision_model(pixels, torch.ones(1, 1, dtype=torch.long), torch.ones(1, 1, 1))
    assert seen.last_hidden_state.shape[-2] == 17


def test_what_began_with_earlier_weights_says_the_precision_it_is_kept_in(tmp_path, tokenizer):
    trainer(tmp_path, tokenizer).save()
    Trainer(Run(folder=tmp_path / "next", steps=6, start=tmp_path / "model", shape=SHAPE), tokenizer).save()
    config = json.loads((tmp_path / "next" / "model" / "config.json").read_text())
    assert {config["dtype"], config["text_config"]["dtype"], config["vision_config"]["dtype"]} == {"bfloat16"}


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


def test_each_weight_has_one_optimizer_and_only_matrices_of_layers_are_muons(tokenizer):
    learner = model.Learner(model.build(tokenizer, SHAPE), SHAPE)
    names = {id(weight): name for name, weight in learner.named_parameters()}
    muon, adam = (
        [names[id(weight)] for group in each.param_groups for weight in group["params"]]
        for each in optimizers(learner, 1e-3)
    )
    assert sorted(muon + adam) == sorted(names.values())
    assert "model.model.language_model.layers.1.cross_attn.q_proj.weight" in muon
    assert {name.split(".")[-2] for name in muon} == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "fc1", "fc2",
    }  # fmt: skip


def test_products_are_halved_only_where_that_is_faster(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": False})
    assert not multiplies_bfloat16(torch.device("cpu"))
    for name in ("amx_bf16", "avx512_bf16"):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda name=name: {name: True})
        assert multiplies_bfloat16(torch.device("cpu"))
    assert multiplies_bfloat16(torch.device("cuda"))


@pytest.mark.parametrize(
    ("weight", "shipped"),
    [(1.2890625, 1.3125), (-1.2890625, -1.3125), (1.9921875, 2.0), (0.0, 0.0), (1.5, 1.5), (-0.0078125, -0.0078125)],
)
def test_a_weight_is_shipped_with_four_bits_of_its_fraction(weight, shipped):
    assert saving.rounded(torch.tensor([weight], dtype=torch.bfloat16)).tolist() == [shipped]


def test_a_run_that_leaves_the_vision_tower_alone_leaves_its_file_alone(tokenizer, tmp_path):
    small = replace(SHAPE, grid=Grid(tile=28))
    one = model.build(tokenizer, small)
    saving.save(one, tokenizer, small.grid, tmp_path / "one")
    with torch.no_grad():
        one.model.language_model.embed_tokens.weight += 1
    saving.save(one, tokenizer, small.grid, tmp_path / "other")
    first, *rest = sorted(path.name for path in (tmp_path / "one").glob("*.safetensors"))
    assert (tmp_path / "one" / first).read_bytes() == (tmp_path / "other" / first).read_bytes()
    assert all((tmp_path / "one" / name).read_bytes() != (tmp_path / "other" / name).read_bytes() for name in rest)


def test_weights_in_several_files_are_loaded_as_they_were(tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "SHARD", 300_000)
    small = replace(SHAPE, grid=Grid(tile=28))
    whole = model.build(tokenizer, small)
    saving.save(whole, tokenizer, small.grid, tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    loaded = model.load(tmp_path, small, tokenizer)
    wanted = {name: saving.rounded(one.bfloat16()) if one.dim() > 1 and "vision_model" not in name else one.bfloat16()
              for name, one in whole.named_parameters()}  # fmt: skip
    assert {name for name, one in loaded.named_parameters() if not torch.equal(one, wanted[name].float())} == set()
