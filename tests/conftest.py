import os

# One thread per process: two test workers share two cores, and OpenMP threads that wait for a core
# make everything many times slower. Set before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
