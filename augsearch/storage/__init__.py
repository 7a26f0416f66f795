"""Files of a run outside its directory: a folder, or a store that fsspec knows."""

from augsearch.storage.artifact_store import ArtifactStore
from augsearch.storage.remote import folders

__all__ = ["ArtifactStore", "folders"]
