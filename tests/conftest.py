import itertools
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no defect: how long an example takes is no test. The same examples each time,
# so that a change is what makes a test fail.
settings.register_profile("augsearch", deadline=None, derandomize=True)
settings.load_profile("augsearch")


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory):
    """A cache of the tests' own: nothing depends on what this machine was once measured at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def save_dicom():
    """Write a DICOM file: path, values, and what differs from 16 bits, uncompressed, one patient.

    `syntax` is a keyword of pydicom.uid; other keywords are attributes, None takes one away. JPEG
    and JPEG 2000 are compressed by GDCM, JPEG-LS by CharLS, RLE by pydicom.
    """
    from pydicom import uid
    from pydicom.dataset import Dataset, FileMetaDataset

    def save(path, values, syntax="ExplicitVRLittleEndian", bits=16, **attributes):
        file = Dataset()
        file.SOPClassUID = uid.SecondaryCaptureImageStorage
        file.SOPInstanceUID = uid.generate_uid()
        file.PatientID = "one"
        file.Rows, file.Columns = values.shape
        file.SamplesPerPixel = 1
        file.PhotometricInterpretation = "MONOCHROME2"
        file.BitsAllocated = 8 if bits <= 8 else 16
        file.BitsStored, file.HighBit = bits, bits - 1
        file.PixelRepresentation = int(values.min() < 0)
        file.file_meta = FileMetaDataset()
        file.file_meta.MediaStorageSOPClassUID = file.SOPClassUID
        file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID
        file.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
        path.parent.mkdir(parents=True, exist_ok=True)
        data = values.astype(f"<{'ui'[file.PixelRepresentation]}{file.BitsAllocated // 8}")
        _set_pixels(file, data, getattr(uid, syntax), path)
        for keyword, value in attributes.items():
            if value is None:
                delattr(file, keyword)
            else:
                setattr(file, keyword, value)
        file.save_as(path, enforce_file_format=True)

    return save


def _set_pixels(file, data, target, path):
    """Encode the pixel data for a transfer syntax; GDCM takes them from a file at `path`."""
    from pydicom import encaps, uid

    order = "<" if target.is_little_endian else ">"
    plain = data.astype(data.dtype.newbyteorder(order)).tobytes()
    kind = "OB" if file.BitsAllocated == 8 else "OW"
    file.add_new("PixelData", kind, plain + b"\0" * (len(plain) % 2))
    if target in (uid.RLELossless, uid.JPEGLSLossless):
        plugin = "pydicom" if target == uid.RLELossless else "pyjpegls"
        if plugin == "pyjpegls":
            pytest.importorskip("jpeg_ls")
        file.compress(target, data, encoding_plugin=plugin, generate_instance_uid=False)
    elif target.is_encapsulated:
        file.save_as(path, enforce_file_format=True)
        file.add_new("PixelData", "OB", encaps.encapsulate([_compressed(path, target)]))
        file["PixelData"].is_undefined_length = True
    file.file_meta.TransferSyntaxUID = target


def _compressed(path, target):
    """Return the frame of a file compressed by GDCM."""
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(target))))
    change.SetInput(reader.GetImage())
    assert change.Change(), target.name
    fragments = change.GetOutput().GetDataElement().GetSequenceOfFragments()
    stream = fragments.GetFragment(0).GetByteValue().GetBuffer()
    return stream.encode("utf-8", "surrogateescape")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Postgres:
    """A PostgreSQL server of the tests, on loopback, with a password."""

    password = f"password-{secrets.token_hex(8)}"

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._data = folder / "data"
        self._log = folder / "log"
        self.port = free_port()
        self._numbers = itertools.count()
        secret = folder / "password"
        secret.write_text(self.password)
        # It refuses to run as root.
        self._as = ["runuser", "-u", "nobody", "--"] if os.geteuid() == 0 else []
        if self._as:
            for path in (folder, secret):
                shutil.chown(path, "nobody", "nogroup")
        self._call("initdb", "--no-sync", "--auth=scram-sha-256", "-U", "ann", "--pwfile", secret)
        self.start()

    def _call(self, name: str, *arguments: object) -> None:
        command = [*self._as, self._binaries / name, "-D", self._data, *arguments]
        done = subprocess.run(
            [*map(str, command)], cwd="/", capture_output=True, text=True, timeout=60
        )
        if done.returncode:
            log = self._log.read_text() if self._log.exists() else ""
            pytest.fail(f"{name}: {done.stdout}{done.stderr}{log}")

    def start(self) -> None:
        options = f"-p {self.port} -h 127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._log.touch()
        if self._as:
            shutil.chown(self._log, "nobody", "nogroup")
        # With the log in a file: a pipe would stay open as long as the server lives.
        self._call("pg_ctl", "-w", "-s", "-l", self._log, "-o", options, "start")

    def stop(self) -> None:
        """End it at once, as a power cut would."""
        self._call("pg_ctl", "-w", "-s", "-m", "immediate", "stop")

    def url(self, database: str = "postgres", password: str | None = None) -> str:
        return f"postgresql://ann:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def ask(self, query: str, database: str = "postgres") -> list[tuple[object, ...]]:
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def new_database(self) -> str:
        """Return the URL of an empty database."""
        name = f"db{next(self._numbers)}"
        self.ask(f"CREATE DATABASE {name}")
        return self.url(name)


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server; tests may stop and start it."""
    pytest.importorskip("psycopg", reason="augsearch[postgres] is not installed")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = shutil.which("initdb") if not found else found[-1]
    if initdb is None or (os.geteuid() == 0 and shutil.which("runuser") is None):
        pytest.skip("there is no PostgreSQL server (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="augsearch-postgres-"))
    server = None
    try:
        server = Postgres(Path(initdb).resolve().parent, folder)
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder)


@pytest.fixture
def database(postgres):
    """The URL of an empty database on it."""
    return postgres.new_database()
