import os

import pytest

try:
    from moto.server import ThreadedMotoServer
except ImportError:  # pragma: no cover - in the test extra
    ThreadedMotoServer = None


@pytest.fixture(scope="session")
def s3_server():
    """A server on loopback that speaks S3, and the settings that lead there."""
    if ThreadedMotoServer is None:
        pytest.skip("moto is not installed")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key-of-the-tests",
        "AWS_SECRET_ACCESS_KEY": "secret-of-the-tests",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server.stop()


@pytest.fixture
def s3(s3_server, monkeypatch):
    """Environment and bucket of that server."""
    import boto3
    import s3fs

    for name, value in s3_server.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    yield client
    s3fs.S3FileSystem.clear_instance_cache()
    for one in client.list_objects_v2(Bucket="bucket").get("Contents", []):
        client.delete_object(Bucket="bucket", Key=one["Key"])


@pytest.fixture(params=["file", "memory", "s3"])
def url(request, tmp_path):
    """An empty store of each kind."""
    if request.param == "memory":
        return f"memory://{os.urandom(8).hex()}/runs"
    if request.param == "file":
        return (tmp_path / "share" / "runs").as_uri()
    request.getfixturevalue("s3")
    return "s3://bucket/runs"
