"""The further parameters that handlers may have, by their names and, failing that, their places."""
from .conventions import REQUEST
from .sdk import Utilities


class Extras:
    def __init__(self, sdk):
        utilities = Utilities(sdk)
        self._by_name = {
            "sdk": sdk,
            "env": sdk.env,
            "client": sdk.db,
            "service_client": sdk.service_db,
            "serviceClient": sdk.service_db,
            "utils": utilities,
            "ctx": utilities,
            "context": utilities,
        }
        # handler(request, client, service_client, utils) and handler(payload, sdk)
        self._of_request = (sdk.db, sdk.service_db, utilities)
        self._of_payload = (sdk,)

    def knows(self, name):
        return name in self._by_name

    def value(self, form, name, index):
        """Of the parameter at `index`, which is at least 1."""
        if name in self._by_name:
            return self._by_name[name]
        places = self._of_request if form == REQUEST else self._of_payload
        return places[index - 1] if index <= len(places) else None
