"""What holds for all tests."""

from hypothesis import settings

# A property is true or false, not fast or slow: the machine may be busy.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
