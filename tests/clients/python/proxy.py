"""Stands in for a proxy that terminates TLS in front of the application, for clients on `requests`."""

from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter


class Proxy(HTTPAdapter):
    def __init__(self, site):
        super().__init__()
        self.public, self.address = site.app, site.address

    def send(self, request, **options):
        request.headers["Host"] = urlsplit(self.public).netloc
        request.url = self.address + request.url.removeprefix(self.public)
        return super().send(request, **options)
