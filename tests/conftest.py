import os

from hypothesis import settings

# One thread per process: two test workers share two cores, and OpenMP threads that wait for a core
# make everything many times slower. Set before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A busy machine is no defect: how long an example takes is no test.
settings.register_profile("augsearch", deadline=None)
settings.load_profile("augsearch")
