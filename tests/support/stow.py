"""A STOW-RS server that follows a script."""

from tests.support.peers import Talk, answer_http, read_http, stored_json

CT_UID = "1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
MR_UID = "1.3.6.1.4.1.5962.1.1.4.1.1.20040826185059.5457"


class Web:
    """Answers requests one after the other, over as many connections as it takes."""

    def __init__(self, *answers):
        self.requests = []
        self._answers = list(answers)

    def __call__(self, talk: Talk) -> None:
        while self._answers:
            head, body = read_http(talk)
            if not head.startswith("POST"):
                return
            self.requests.append((head, body))
            status, content, headers = self._answers.pop(0)
            answer_http(talk, status, content, **headers)


def ok(*uids, **named):
    return 200, stored_json(*uids, **named), {"Content_Type": "application/dicom+json"}


def status(number, content=b"", **headers):
    return number, content, headers


def url_of(peer):
    return peer.url.replace("dicom://PEER@", "http://") + "/dicom-web"
