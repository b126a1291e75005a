"""The figure of the panel as markup: images, boxes with words, and the text that was read."""

from pathlib import Path

from tests.support.grounded import PAGE, ground
from tests.support.pages import page, quad
from ui.evidence import Box, Links, boxes, links, rows_of, sentence
from ui.figure import Picture, figure, text

EMPTY = '<div class="evidence" data-links="{&quot;fields&quot;: [], &quot;items&quot;: [], &quot;nowhere&quot;: {}}">'
BAR = (
    '<div class="bar"><p class="said" aria-live="polite"></p>'
    '<button type="button" class="enlarge">Enlarge</button></div>'
)


def test_an_image_carries_its_boxes_in_its_own_pixels_with_their_words() -> None:
    found = ground('{"total":2.60}')
    shown = figure([Picture(Path("/m/a b.png"), (600, 96))], boxes(found), said=sentence(found), links=links(found))
    assert shown == (
        '<div class="evidence" data-links="{&quot;fields&quot;: [&quot;total&quot;], &quot;items&quot;: [], '
        '&quot;nowhere&quot;: {}}"><p class="standing" role="status">1 of 1 value stands on the image</p>'
        '<figure data-image="0"><div class="stage"><div class="canvas">'
        '<img src="gradio_api/file=/m/a%20b.png" alt="Image 1" loading="lazy" width="600" height="96"></img>'
        '<svg viewBox="0 0 600 96" role="group" aria-label="Values on the image" preserveAspectRatio="none">'
        '<g class="box exact" role="button" tabindex="0" data-key="total" '
        'aria-label="total: 2.60 — stands on the image"><title>total: 2.60 — stands on the image</title>'
        '<polygon points="300,48 340,48 340,68 300,68"></polygon></g></svg></div></div></figure>'
        f'{BAR}<ul class="legend"><li class="exact">✓ stands on the image</li><li class="near">≈ nearly</li>'
        '<li class="nowhere">✗ nowhere, without a box</li></ul></div>'
    )


def test_an_image_that_nobody_read_is_shown_without_boxes() -> None:
    assert figure([Picture(Path("/m/a.png"))], ()) == (
        f'{EMPTY}<figure data-image="0"><div class="stage"><div class="canvas">'
        f'<img src="gradio_api/file=/m/a.png" alt="Image 1" loading="lazy"></img></div></div></figure>{BAR}</div>'
    )


def test_no_image_is_no_figure() -> None:
    assert figure([], ()) == f"{EMPTY}</div>"


def test_of_several_images_one_is_in_sight_and_a_button_shows_each() -> None:
    shown = figure([Picture(Path("/a.png")), Picture(Path("/b.png"))], (), first=1)
    assert (
        '<div class="pictures" role="group" aria-label="Images">'
        '<button type="button" class="picture" aria-pressed="false" data-image="0">Image 1</button>'
        '<button type="button" class="picture" aria-pressed="true" data-image="1">Image 2</button></div>'
        '<figure data-image="0" hidden="">'
    ) in shown
    assert '<figure data-image="1"><' in shown


def test_one_box_can_be_reached_with_tab_and_the_others_from_there() -> None:
    shown = figure([Picture(Path("/a.png"), (600, 96))], boxes(ground()))
    assert (shown.count('tabindex="0"'), shown.count('tabindex="-1"')) == (1, 3)


def test_what_strangers_wrote_is_no_markup() -> None:
    nasty = '"><script>alert(1)</script>\n\n# & <img src=x onerror=y>'
    box = Box(nasty, 0, "exact", (quad(0, 0, 9),), nasty)
    shown = figure(
        [Picture(Path('/a"b<c>.png'), (9, 9))], [box], links=Links(fields=(nasty,), nowhere=((nasty, nasty),))
    )
    told = text(rows_of([(0, page(nasty))]), 1)
    for markup in (shown, told):
        assert "<script" not in markup
        assert "<img src=x" not in markup
        assert "\n" not in markup


def test_the_text_is_a_list_of_rows_with_a_search_and_a_button_to_copy() -> None:
    assert text(rows_of([(0, PAGE)])[:2], 2) == (
        '<section class="read" aria-label="Text on this image"><div class="bar">'
        '<input type="search" placeholder="Search the text" aria-label="Search the text" class="find"></input>'
        '<output class="hits" aria-live="polite"></output><button type="button" class="copy">Copy</button></div>'
        '<div class="rows" role="listbox" aria-label="Text on image 1" data-image="0">'
        '<div class="row" role="option" tabindex="0" data-key="0/0" aria-selected="false">CORNER</div>'
        '<div class="row" role="option" tabindex="-1" data-key="0/1" aria-selected="false">Tea  2.50</div></div>'
        '<p class="none" data-image="1" hidden="">No text was read on this image.</p></section>'
    )
