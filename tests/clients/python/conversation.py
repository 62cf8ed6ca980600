"""The conversation with the process that started this program: one line of JSON each way at a time."""

import json
import sys
import traceback
from dataclasses import dataclass


def hear():
    line = sys.stdin.readline()
    return json.loads(line) if line else None


def tell(what):
    print(json.dumps(what), flush=True)


@dataclass
class Client:
    client_id: str
    client_secret: str | None
    redirect_uri: str | None


class Site:
    """The server of a flow, and the person who signs in."""

    def __init__(self, briefing):
        self.issuer = briefing["issuer"]
        self.app = briefing["app"]
        self.address = briefing["address"]
        self.username = briefing["username"]
        self.password = briefing["password"]
        self.clients = {name: Client(**client) for name, client in briefing["clients"].items()}

    def visit(self, url, allow=True):
        """Sends the person's browser to the URL, and returns the URL at which it comes back to the client."""
        tell({"visit": url, "allow": allow})
        return hear()["redirect"]


def same(left, right):
    assert left == right, f"{left!r} is not {right!r}"


def serve(*flows):
    """Runs the flows that are asked for, each by the name of its function."""
    named = {flow.__name__: flow for flow in flows}
    while briefing := hear():
        name = briefing["flow"]
        try:
            named[name](Site(briefing))
        except Exception:
            tell({"failed": traceback.format_exc()})
        else:
            tell({"through": name})
