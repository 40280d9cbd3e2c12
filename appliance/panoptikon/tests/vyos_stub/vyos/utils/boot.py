"""Whether the router has started."""

import os


def boot_configuration_complete():
    return 'VYOS_STUB_BOOTING' not in os.environ
