"""Draws the built-in demo images: a dark cavity with a bright rim, clear or with fluid.

They stand in for radiographs of a sinus: every patient has an anatomy of their own and one to
three images of it in different poses. Class 1 ("fluid") has a fluid level or a thick lining, from
faint to dense; class 0 ("clear") has neither or a trace. The densities of the two overlap, so that
no classifier is perfect and more images help: logistic regression on features of a random
DenseNet-121 at 32 x 32 reached a test AUC of .88 with 60 images and .94 with 480 (means of four
seeds), and .82 and .88 on the shifted site.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from augsearch.records import LabelledImages
from augsearch.seeds import Seed

DEMO_CLASSES = ("clear", "fluid")

DRAWING = "demo drawing 1"
"""Changes when the same seed gives other images, so that cached ones are drawn again."""

Site = Literal["home", "shifted"]
_Float = NDArray[np.float64]
_MOST_SHOTS = 3


@dataclass(frozen=True)
class DemoCase:
    """One image to draw: which patient, which of their images, of which class (0 or 1)."""

    patient: int
    shot: int
    label: int


class _Scene(NamedTuple):
    """All that decides a batch of images but its noise; each is (N, 1, 1). Lengths: half a side."""

    centre_x: _Float
    centre_y: _Float
    radius: _Float
    aspect: _Float
    angle: _Float
    lobe_2: _Float
    lobe_3: _Float
    lobe_phase: _Float
    tissue: _Float
    air: _Float
    rim: _Float
    rim_width: _Float
    light_x: _Float
    light_y: _Float
    bone_side: _Float
    bone_place: _Float
    bone_angle: _Float
    bone: _Float
    wave_x: _Float
    wave_y: _Float
    wave_phase: _Float
    wave: _Float
    haze: _Float
    level: _Float
    tilt: _Float
    fluid: _Float
    lining: _Float
    lining_width: _Float
    noise: _Float


def demo_cases(count: int, seed: Seed) -> list[DemoCase]:
    """Return the first `count` images of the endless row of patients of `seed`.

    Patients are of the two classes in turn and have one to three images each.
    """
    cases: list[DemoCase] = []
    patient = 0
    while len(cases) < count:
        shots = 1 + seed.child(patient, "shots").integer() % _MOST_SHOTS
        cases += [DemoCase(patient, shot, patient % 2) for shot in range(shots)]
        patient += 1
    return cases[:count]


def draw_demo(
    count: int, *, size: int, channels: int, seed: Seed, site: Site = "home"
) -> LabelledImages:
    """Draw `count` demo images.

    Image i depends on seed, site, size and channels alone, not on `count`.

    Args:
        count: How many.
        size: Height and width in pixels, at least 8.
        channels: 1 or 3.
        seed: Decides everything; other seeds give other patients.
        site: "shifted" has another contrast, blur, noise and zoom, and other patients.

    Returns:
        Images with classes "clear" and "fluid" and the patients as groups.
    """
    cases = demo_cases(count, seed)
    pixels = list(draw_cases(cases, size, channels, seed, site))
    return LabelledImages(
        pixels=np.stack(pixels),
        labels=np.array([case.label for case in cases], dtype=np.int64),
        groups=np.array([case.patient for case in cases], dtype=np.int64),
        names=tuple(f"{case.patient}.{case.shot}" for case in cases),
        classes=DEMO_CLASSES,
    )


def draw_cases(
    cases: Sequence[DemoCase], size: int, channels: int, seed: Seed, site: Site
) -> Iterator[NDArray[np.uint8]]:
    """Yield each case's image, uint8, (size, size, channels), drawn a batch at a time."""
    batch = max(1, 2**17 // size**2)
    for start in range(0, len(cases), batch):
        yield from _draw(cases[start : start + batch], size, channels, seed, site)


def _draw(
    cases: Sequence[DemoCase], size: int, channels: int, seed: Seed, site: Site
) -> NDArray[np.uint8]:
    scenes, noises = [], []
    for case in cases:
        patient = seed.child(site, case.patient)
        anatomy, pose = patient.child("anatomy"), patient.child("pose", case.shot)
        own = pose.generator()
        scenes.append(_scene(anatomy.generator(), own, case.label, site))
        noises.append(own.standard_normal((size, size)))
    table = np.array(scenes, dtype=np.float64).T[..., None, None]
    image = _paint(_Scene(*table), size, np.array(noises), site)
    tint = np.array([1.0, 0.92, 0.86]) if channels == 3 else np.ones(1)
    scaled: NDArray[np.uint8] = np.rint(255 * image[..., None] * tint).astype(np.uint8)
    return scaled


def _scene(
    anatomy: np.random.Generator, pose: np.random.Generator, label: int, site: Site
) -> list[float]:
    """Draw one image's `_Scene`: anatomy from the patient's generator, pose from its own."""
    shared = {
        "radius": anatomy.uniform(0.5, 0.66),
        "aspect": anatomy.uniform(0.76, 1.0),
        "angle": anatomy.normal(0, 0.3),
        "lobe_2": anatomy.normal(0, 0.07),
        "lobe_3": anatomy.normal(0, 0.06),
        "lobe_phase": anatomy.uniform(0, 2 * np.pi),
        "tissue": anatomy.normal(0.5, 0.03),
        "air": anatomy.normal(0.15, 0.025),
        "rim": anatomy.uniform(0.16, 0.3),
        "rim_width": anatomy.uniform(0.05, 0.08),
        "bone_side": anatomy.choice([-1.0, 1.0]),
        "bone_place": anatomy.uniform(0.8, 1.0),
        "bone": anatomy.uniform(0.1, 0.28),
        "wave": anatomy.uniform(0.005, 0.02),
    } | _disease(anatomy, label)
    own = {
        "centre_x": pose.normal(0, 0.08),
        "centre_y": pose.normal(0, 0.08),
        "light_x": pose.normal(0, 0.07),
        "light_y": pose.normal(0, 0.07),
        "bone_angle": pose.normal(0, 0.15),
        "wave_x": pose.normal(0, 6),
        "wave_y": pose.normal(0, 6),
        "wave_phase": pose.uniform(0, 2 * np.pi),
        "haze": pose.uniform(0, 0.12),
        "tilt": pose.normal(0, 0.08),
        "noise": pose.uniform(0.02, 0.04),
    }
    zoom = pose.uniform(0.92, 1.08) * (0.92 if site == "shifted" else 1.0)
    scene = shared | own
    scene["angle"] += pose.normal(0, 0.12)
    scene["radius"] *= zoom
    return [scene[field] for field in _Scene._fields]


def _disease(anatomy: np.random.Generator, label: int) -> dict[str, float]:
    """Draw fluid or lining; the weakest of class 1 are like the strongest of class 0."""
    has_level = anatomy.random() < 0.6
    severity = 0.2 + 0.8 * anatomy.beta(2, 2) if label else 0.4 * anatomy.beta(1, 3)
    return {
        "level": anatomy.uniform(-0.2, 0.3),
        "fluid": 0.5 * severity * has_level,
        "lining": 0.5 * severity * (not has_level),
        "lining_width": anatomy.uniform(0.2, 0.32),
    }


def _paint(scene: _Scene, size: int, noise: _Float, site: Site) -> _Float:
    """Return images in 0 to 1, (N, size, size)."""
    grid = (np.arange(size) + 0.5) * (2 / size) - 1
    x, y = grid[None, None, :] - scene.centre_x, grid[None, :, None] - scene.centre_y
    cos, sin = np.cos(scene.angle), np.sin(scene.angle)
    along, across = (x * cos + y * sin) / scene.aspect, y * cos - x * sin
    distance = np.hypot(along, across)
    theta = np.arctan2(across, along)
    outline = scene.radius * (
        1
        + scene.lobe_2 * np.cos(2 * theta + scene.lobe_phase)
        + scene.lobe_3 * np.cos(3 * theta - scene.lobe_phase)
    )
    outside = distance - outline
    soft = max(0.02, (0.8 if site == "home" else 1.4) / size)
    inside = _step(-outside, soft)
    light = 1 + scene.light_x * x + scene.light_y * y
    texture = scene.wave * np.cos(scene.wave_x * x + scene.wave_y * y + scene.wave_phase)
    image = scene.tissue + texture + scene.bone * _bone(scene, x, y)
    cavity = scene.air + scene.haze * 0.5 + 0.5 * texture + _opacity(scene, x, y, outside, soft)
    image = image * (1 - inside) + cavity * inside
    image = image + scene.rim * np.exp(-0.5 * (outside / scene.rim_width) ** 2)
    image = image * light
    if site == "shifted":
        image, noise = 0.08 + 0.8 * np.maximum(image, 0) ** 0.8, 1.6 * noise
    clipped: _Float = np.clip(image + scene.noise * noise, 0, 1)
    return clipped


def _opacity(scene: _Scene, x: _Float, y: _Float, outside: _Float, soft: float) -> _Float:
    """Return what fluid and lining add inside the cavity."""
    surface = scene.level * scene.radius + scene.tilt * x
    fluid = scene.fluid * _step(y - surface, soft)
    lining = scene.lining * _step(outside + scene.lining_width, 2 * soft)
    return fluid + lining


def _bone(scene: _Scene, x: _Float, y: _Float) -> _Float:
    """Return a neighbouring bright band at one side, 0 to 1."""
    place = scene.bone_side * (x + np.tan(scene.bone_angle) * y) - scene.bone_place
    band: _Float = np.exp(-0.5 * (place / 0.12) ** 2)
    return band


def _step(value: _Float, soft: float) -> _Float:
    """Rise from 0 to 1 around 0, over about `soft`."""
    step: _Float = 0.5 * (1 + np.tanh(value / soft))
    return step
