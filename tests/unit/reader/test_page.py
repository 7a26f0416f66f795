import base64
import io
import json
import re
import string

import numpy as np
import pytest
from PIL import Image

from augsearch.reader.key import Key, Truth
from augsearch.reader.page import class_keys, make_page, png_uri
from augsearch.seeds import Seed

CLASSES = ("no <b>finding</b></script>", "ill & real")


def truths(n):
    return [
        Truth.model_validate(
            {
                "class": CLASSES[row % 2],
                "origin": "real" if row < n // 2 else "synthetic",
                "place": f"scans/patient-{row}.png" if row < n // 2 else f"acgan, image {row}",
            }
        )
        for row in range(n)
    ]


def pixels_of(n=40, channels=1):
    """Noise, and then flat images, which compress better: as real and synthetic ones may."""
    pixels = np.random.default_rng(0).integers(0, 256, (n, 12, 12, channels), dtype=np.uint8)
    pixels[n // 2 :] //= 64
    pixels[:, 0, 0, 0] = np.arange(n)
    return pixels


def made(n=40, channels=1, seed=0):
    return make_page(
        "a <study>", CLASSES, pixels_of(n, channels), truths(n), Seed.of(seed, "reader")
    )


def data_of(html):
    return json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', html)[1]
    )


def decode(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_page_shows_every_image_under_the_id_of_its_truth(channels):
    page, pixels = made(channels=channels), pixels_of(channels=channels)
    data = data_of(page.html)
    assert data["page"] == page.key.page
    assert [image["id"] for image in data["images"]] == list(page.key.images)
    rows = []
    for image in data["images"]:
        shown = decode(image["src"])
        row = int(shown.reshape(12, 12, channels)[0, 0, 0])
        assert np.array_equal(shown, pixels[row].squeeze())
        assert page.key.images[image["id"]] == truths(40)[row]
        rows.append(row)
    assert sorted(rows) == list(range(40))


def test_nothing_but_the_pixels_tells_real_from_synthetic():
    page = made()
    images = data_of(page.html)["images"]
    assert {tuple(image) for image in images} == {("id", "src")}
    assert len({len(image["src"]) for image in images}) == 1
    origins = [page.key.images[image["id"]].origin == "real" for image in images]
    assert origins not in (sorted(origins), sorted(origins, reverse=True))
    by_id = [page.key.images[name].origin == "real" for name in sorted(page.key.images)]
    assert by_id not in (sorted(by_id), sorted(by_id, reverse=True), origins)
    for image in images:
        raw = base64.b64decode(image["src"].partition(",")[2])
        kinds, place = [], 8
        while place < len(raw):
            kinds.append(raw[place + 4 : place + 8])
            place += 12 + int.from_bytes(raw[place : place + 4])
        assert kinds == [b"IHDR", b"IDAT", b"IEND"]


def test_the_key_is_not_in_the_page():
    page = made()
    for truth in truths(40):
        assert truth.place not in page.html
    assert "patient-" not in page.html
    assert "acgan" not in page.html


def test_the_same_images_and_seed_give_the_same_page_and_others_another():
    first, again, other = made(), made(), made(seed=1)
    assert (first.html, first.key) == (again.html, again.key)
    changed = pixels_of()
    changed[-1, -1, -1] ^= 1
    salted = make_page("a <study>", CLASSES, changed, truths(40), Seed.of(0, "reader"))
    for page in (other, salted):
        assert page.key.page != first.key.page
        assert not set(page.key.images) & set(first.key.images)


def test_texts_of_the_user_stay_texts():
    html = made().html
    assert "<b>finding" not in html
    assert "a &lt;study&gt;" in html
    assert html.count("</script>") == 2
    assert [choice["name"] for choice in data_of(html)["classes"]] == list(CLASSES)


def test_the_page_names_no_place_in_the_network():
    html = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", made().html)
    assert not re.findall(r"https?:|//[a-z]|@import|url\(", html)
    assert "default-src 'none'" in html


def test_a_key_survives_its_file():
    key = made().key
    text = json.dumps(key.model_dump(mode="json", by_alias=True))
    assert Key.model_validate_json(text) == key
    assert list(Key.model_validate_json(text).images) == list(key.images)


def test_compression_would_tell():
    pixels = pixels_of()
    assert len(png_uri(pixels[0])) == len(png_uri(pixels[-1]))
    sizes = []
    for image in (pixels[0], pixels[-1]):
        file = io.BytesIO()
        Image.fromarray(image[..., 0]).save(file, format="PNG")
        sizes.append(file.tell())
    assert sizes[0] > sizes[1]


def test_every_class_has_a_key_of_its_own_that_answers_no_other_question():
    assert class_keys([str(digit) for digit in range(10)]) == list(string.digits)
    assert class_keys(["2", "1"]) == ["2", "1"]
    assert class_keys(["1", "2", "10"]) == ["a", "b", "c"]
    many = class_keys([f"class {number}" for number in range(40)])
    assert many[:11] == [*"1234567890", "a"]
    assert many[34:] == [""] * 6
    assert len(set(many[:34])) == 34
    assert not {"r", "s"} & set(many)
