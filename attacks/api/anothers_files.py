"""Read another tenant's files
tries: a file of another project's session by both ids, and one of /v1/files
expect: 404
needs: keys
"""
from client import *


def attack(api):
    with api.session() as path:
        api.upload(path, "secret.txt", b"secret")
        (identifier,) = api.files(path).values()
        with api.session(key=api.other) as own:
            for at in (path, own):
                said = api.get(f"{at}/files/{identifier}/content", key=api.other)
                if said.status < 400:
                    return "its content"
            if api.upload(path, "mine.txt", b"mine", key=api.other).status < 400:
                return "a file was put there"
            if api.delete(f"{path}/files/{identifier}", key=api.other).status < 400:
                return "it was deleted"
    raise Contained("404")
