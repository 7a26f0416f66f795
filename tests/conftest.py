from hypothesis import settings

# A busy machine is no defect: how long an example takes is no test.
settings.register_profile("augsearch", deadline=None)
settings.load_profile("augsearch")
