"""Stands in for VyOS's library where the owner script is tested."""


class ConfigError(Exception):
    """As VyOS's own."""
