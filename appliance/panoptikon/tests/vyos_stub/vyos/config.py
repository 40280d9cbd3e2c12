"""A configuration from the file that VYOS_STUB names, as JSON."""

import json
import os


class Config:
    """The part of VyOS's class that the owner script uses."""

    def __init__(self):
        with open(os.environ['VYOS_STUB'], encoding='utf-8') as file:
            self.tree = json.load(file)

    def exists(self, path):
        return self._find(path) is not None

    def get_config_dict(self, path, get_first_key=False, no_tag_node_value_mangle=False):
        found = self._find(path) or {}
        return found if get_first_key else {path[-1]: found}

    def _find(self, path):
        node = self.tree
        for word in path:
            node = node.get(word) if isinstance(node, dict) else None
        return node
