import re
from importlib.metadata import requires

from chapter6.report.colophon import LIBRARIES


def test_every_library_that_the_page_names_is_installed_with_the_package():
    needed = {re.split(r"[^\w-]", line)[0] for line in requires("chapter6") or () if "extra ==" not in line}
    assert set(LIBRARIES) <= needed
