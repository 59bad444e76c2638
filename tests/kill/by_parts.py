"""A runner like `reconcile apply`, but that it sends files of more than 500 bytes by parts.

The installed command does so above 512 MB, and takes no other limit.
"""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from dataclasses import replace

from reconciler.cli import exits, terminal
from reconciler.cli.options import Scope
from reconciler.cli.world import open_world, resolve_endpoint
from reconciler.engine import reconcile
from reconciler.providers.openai import OpenAIProvider
from reconciler.providers.protocol import Connection
from reconciler.providers.uploads import UploadLimits
from reconciler.spec import ProviderPin

SMALL = UploadLimits(single=500, part=600, at_once=2)


def main() -> int:
    scope = Scope()
    endpoint = resolve_endpoint(ProviderPin(), os.environ)
    provider = OpenAIProvider(endpoint, os.environ["OPENAI_API_KEY"], SMALL)
    connection = Connection(endpoint, provider, provider, provider)
    with terminal.screen() as screen, open_world(scope, screen) as opened:
        world = replace(opened, connect=lambda _project: nullcontext(connection))
        request = scope.request(max_usd=1.0)
        seen = reconcile(request, world, approve=lambda _plan: True, tell=screen.told)
    provider.close()
    return exits.of_pass(seen, is_detailed=False, is_dry=False)


if __name__ == "__main__":
    sys.exit(main())
