"""Lists: limit, order, after, as OpenAI's SDKs page through them."""
import pytest

from support.api import error_of


def walk(client, path, limit, **params):
    pages, after = [], None
    while True:
        page = client.get(path, params={"limit": limit, **params, **({"after": after} if after else {})}).json()
        assert page["object"] == "list" and len(page["data"]) <= limit
        identifiers = [entry["id"] for entry in page["data"]]
        assert page["first_id"] == (identifiers[0] if identifiers else None)
        assert page["last_id"] == (identifiers[-1] if identifiers else None)
        pages.append(identifiers)
        if not page["has_more"]:
            return pages
        assert identifiers
        after = identifiers[-1]


def check_list(client, path, made, **params):
    """`made` ids in the order of their creation."""
    for limit in (1, 2, 3, 100):
        down = [i for page in walk(client, path, limit, **params) for i in page]
        assert [i for i in down if i in made] == made[::-1] and len(down) == len(set(down))
        up = [i for page in walk(client, path, limit, order="asc", **params) for i in page]
        assert up == down[::-1]
    assert walk(client, path, 20, order="desc", **params) == walk(client, path, 20, **params)
    assert client.get(path, params={"after": "unknown_id", **params}).json()["data"] == []


def test_containers(new_session, client):
    made = [new_session(name="paged").id for _ in range(5)]
    check_list(client, "/v1/containers", made, name="paged")
    assert client.get("/v1/containers", params={"name": "page"}).json()["data"] == []


def test_container_files(session):
    made = [session.upload(f"{n}.txt", b"x")["id"] for n in range(5)]
    check_list(session.client, f"{session.path}/files", made)


def test_files(client):
    made = [client.post("/v1/files", files={"file": ("a", b"x")}, data={"purpose": "evals"}).json()["id"] for _ in range(5)]
    check_list(client, "/v1/files", made, purpose="evals")
    for identifier in made:
        client.delete(f"/v1/files/{identifier}")


def test_executions(session):
    made = [session.run(f"{n}")["id"] for n in range(5)]
    check_list(session.client, f"{session.path}/executions", made)


@pytest.mark.parametrize("path, most", [("/v1/containers", 100), ("/v1/files", 10000)])
@pytest.mark.parametrize("params, code, param", [
    ({"limit": "0"}, "integer_below_min_value", "limit"), ({"limit": "-1"}, "integer_below_min_value", "limit"),
    ({"limit": "{above}"}, "integer_above_max_value", "limit"), ({"limit": "9" * 30}, "integer_above_max_value", "limit"),
    ({"limit": "ten"}, "invalid_type", "limit"), ({"limit": "1.5"}, "invalid_type", "limit"), ({"limit": ""}, "invalid_type", "limit"),
    ({"order": "up"}, "invalid_value", "order"),
])
def test_bad_queries(client, path, most, params, code, param):
    answer = client.get(path, params={k: v.format(above=most + 1) for k, v in params.items()})
    assert answer.status_code == 400
    error = error_of(answer)
    assert (error["code"], error["param"]) == (code, param)


def test_the_words_of_a_limit(client):
    assert error_of(client.get("/v1/containers", params={"limit": 101}))["message"] == \
        "Invalid 'limit': integer above maximum value. Expected a value <= 100, but got 101 instead."
    assert error_of(client.get("/v1/containers", params={"order": "up"}))["message"] == \
        "Invalid value: 'up'. Supported values are: 'asc' and 'desc'."
