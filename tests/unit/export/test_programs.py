"""Programs of a classifier: the same answers, for any number of images, or a refusal."""

import ast
import asyncio
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import log_expit, softmax
from torch import nn

import augsearch
from augsearch.classifiers.image_network import ImageNetwork
from augsearch.classifiers.linear_head import LinearHead
from augsearch.classifiers.network_inputs import Inputs, Transform
from augsearch.errors import ExportError
from augsearch.export import image_classifier, programs
from augsearch.export.programs import Reference, write_onnx, write_program
from augsearch.export.pyfunc import write_pyfunc

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (70, 8, 8, 3), dtype=np.uint8)
CLASSES = ["clear", "fluid", "other"]
PARAMETERS = RANDOM.normal(size=(3, 5))  # in one array, as heads by Adam have them
HEAD = LinearHead(PARAMETERS[:, :4], PARAMETERS[:, 4], outputs="sigmoid")


def body(dtype=torch.float32):
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return layers.requires_grad_(False).eval().to(dtype).to(memory_format=torch.channels_last)


def inputs(dtype=torch.float32):
    mean_image = torch.full((3, 8, 8), 100.0)
    return Inputs(12, Transform(1, (0.1,), (0.3,)), mean_image, dtype)


def said(dtype=torch.float32):
    """What a classifier of these parts says, by the ways of the package."""
    with torch.inference_mode():
        features = body(dtype)(inputs(dtype)(torch.from_numpy(IMAGES))).double().numpy()
    scores = features @ HEAD.weight.T + HEAD.bias
    return softmax(log_expit(scores), axis=1)


@pytest.fixture(scope="module")
def network():
    return ImageNetwork(inputs(), body(), HEAD)


@pytest.fixture(scope="module")
def reference():
    return Reference(IMAGES, said(), lowered=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, network, reference):
    """A model in all formats."""
    folder = tmp_path_factory.mktemp("model")
    write_program(network, folder / "model.pt2", reference)
    described = {"classes": CLASSES, "image_shape": [8, 8, 3]}
    (folder / "model.json").write_text(json.dumps(described))
    write_pyfunc(folder / "mlflow", folder, reference)
    return folder


def test_a_network_says_what_the_classifier_says(network, reference):
    found = network(torch.from_numpy(IMAGES))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, reference.probabilities, atol=1e-6)
    assert network.in_float32() is network


def test_a_network_keeps_the_precision_of_its_classifier():
    network = ImageNetwork(inputs(torch.bfloat16), body(torch.bfloat16), HEAD)
    assert network.lowered
    images = torch.from_numpy(IMAGES)
    np.testing.assert_allclose(network(images), said(torch.bfloat16), atol=1e-6)
    raised = network.in_float32()
    assert {one.dtype for one in raised.body.parameters()} == {torch.float32}
    assert {one.dtype for one in network.body.parameters()} == {torch.bfloat16}
    difference = np.abs(raised(images).numpy() - said(torch.bfloat16)).max()
    assert 1e-6 < difference < 0.05


def test_the_program_is_for_any_number_of_images(folder, reference):
    program = torch.export.load(folder / "model.pt2").module()
    for count in (1, 3, 70):
        found = program(torch.from_numpy(IMAGES[:count]))
        np.testing.assert_allclose(found, reference.probabilities[:count], atol=1e-6)


def test_onnx_agrees(tmp_path, network, reference):
    onnxruntime = pytest.importorskip("onnxruntime")
    parity = write_onnx(network, tmp_path / "model.onnx", reference)
    assert parity.difference < 1e-6
    assert (parity.same, parity.images, parity.precision) == (70, 70, "float32")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (found,) = session.run(None, {"images": IMAGES[:5]})
    np.testing.assert_allclose(found, reference.probabilities[:5], atol=1e-6)


def test_another_classifier_is_refused(tmp_path, network):
    other = Reference(IMAGES, np.roll(said(), 1, axis=1), lowered=False)
    with pytest.raises(ExportError, match=r"by at most 0\.\d+ \(0\.001 allowed\)"):
        write_program(network, tmp_path / "model.pt2", other)
    undefined = Reference(IMAGES, np.full((70, 3), np.nan), lowered=False)
    with pytest.raises(ExportError, match="differs from the classifier by at most nan"):
        write_program(network, tmp_path / "model.pt2", undefined)


def test_a_classifier_that_float32_changes_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(programs, "LOWERED_TOLERANCE", 1e-9)
    reference = Reference(IMAGES, said(), lowered=True)
    with pytest.raises(ExportError, match='set precision = "float32" in its table'):
        programs.held_to(reference, lambda images: said()[: len(images)] + 1e-3, "x", lowered=False)


def test_missing_packages_are_named(tmp_path, network, reference, monkeypatch):
    monkeypatch.setattr(programs, "find_spec", lambda name: None)
    with pytest.raises(ExportError, match=r"onnx, onnxscript, onnxruntime.*'augsearch\[onnx\]'"):
        write_onnx(network, tmp_path / "model.onnx", reference)


def test_what_loads_the_model_needs_no_augsearch(folder):
    (code,) = folder.glob("mlflow/code/*.py")
    assert code.read_bytes() == Path(image_classifier.__file__).read_bytes()
    nodes = list(ast.walk(ast.parse(code.read_text())))
    imported = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert imported == {
        "__future__", "json", "pathlib", "typing", "numpy", "pandas", "torch"
    }  # fmt: skip
    assert "pickle" not in (folder / "mlflow" / "MLmodel").read_text()


def test_nothing_in_the_model_names_this_machine(folder):
    for path in (folder / "mlflow").rglob("*"):
        if path.is_file():
            for content in contents(path):
                for place in (folder, Path(augsearch.__file__).parent, Path(torch.__file__).parent):
                    assert str(place).encode() not in content, (path, place)


def contents(path):
    """Return the bytes of a file; of a program, an archive, those of its members."""
    if not zipfile.is_zipfile(path):
        return [path.read_bytes()]
    with zipfile.ZipFile(path) as archive:
        return [archive.read(name) for name in archive.namelist()]


def test_the_scoring_server_of_mlflow_answers(folder, reference):
    from mlflow import pyfunc
    from mlflow.pyfunc import scoring_server

    app = scoring_server.init(pyfunc.load_model(str(folder / "mlflow")))
    status, body = asyncio.run(post(app, {"inputs": IMAGES[:3].tolist()}))
    assert status == 200
    found = [[row[name] for name in CLASSES] for row in json.loads(body)["predictions"]]
    np.testing.assert_allclose(found, reference.probabilities[:3], atol=1e-6)
    example = (folder / "mlflow" / "serving_input_example.json").read_text()
    assert asyncio.run(post(app, json.loads(example)))[0] == 200
    assert asyncio.run(post(app, {"inputs": IMAGES[:3, :5].tolist()}))[0] == 400


async def post(app, content):
    """Ask an ASGI application for /invocations; return status and body."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": json.dumps(content).encode(), "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": "/invocations", "raw_path": b"/invocations", "query_string": b"",
        "root_path": "", "headers": [(b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
    }  # fmt: skip
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:])
