#!/usr/bin/env python3
"""Owner of `service panoptikon`: hands what is set to the program, which checks and applies it."""

import json
import subprocess
import sys

from vyos import ConfigError
from vyos.config import Config
from vyos.utils.boot import boot_configuration_complete

PROGRAM = '/usr/bin/panoptikon'
BASE = ['service', 'panoptikon']


def get_config(config=None):
    """The node as a dictionary, with the certificates that it names; None when it is deleted."""
    conf = config or Config()
    if not conf.exists(BASE):
        return None
    node = conf.get_config_dict(BASE, get_first_key=True)
    if 'certificate' in node:
        node = {**node, 'pki': chain(conf, str(node['certificate']))}
    return node


def chain(conf, name):
    """Certificate and key by their name, and the authorities that may have signed it."""
    found = {}
    for kind in ('certificate', 'ca'):
        base = ['pki', kind]
        if conf.exists(base):
            entries = conf.get_config_dict(base, get_first_key=True, no_tag_node_value_mangle=True)
            found[kind] = {
                entry: content
                for entry, content in entries.items()
                if isinstance(content, dict) and (kind == 'ca' or entry == name)
            }
    for content in found.get('ca', {}).values():
        content.pop('private', None)
    return found


def hand_over(node, *words):
    """Runs the program; its complaint becomes that of the commit."""
    done = subprocess.run(
        [PROGRAM, 'vyos-commit', *words],
        input=json.dumps(node),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding='utf-8',
        check=False,
    )
    if done.stdout:
        print(done.stdout, end='')
    if done.returncode != 0:
        raise ConfigError(done.stderr.strip() or f'{PROGRAM} failed')


def verify(node):
    """Refuses what the program would not take."""
    # While the router starts, what is missing may come later, and a refusal would lose the node.
    booting = [] if boot_configuration_complete() else ['--booting']
    hand_over(node, '--check', *booting)


def generate(node):
    """Nothing: what is written and what is told to the service belong together."""


def apply(node):
    """Writes it down and lets the running service read it."""
    hand_over(node)


if __name__ == '__main__':
    try:
        c = get_config()
        verify(c)
        generate(c)
        apply(c)
    except ConfigError as error:
        print(error)
        sys.exit(1)
