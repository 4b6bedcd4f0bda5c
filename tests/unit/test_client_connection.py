"""Which mesh, and as whom: the order, and that a token never goes to another host."""

import json
from pathlib import Path

import pytest

import sfumato as sf
from sfumato._core.connection import Connection, connection_file, resolve

FILE = json.dumps({"target": "127.0.0.1:5050", "token": "t-analyst", "admin_token": "t-admin", "data": "/d"})


def test_argument_before_environment_before_file() -> None:
    environment = {"SFUMATO_TARGET": "env:2", "SFUMATO_TOKEN": "t-env"}
    assert resolve("arg:1", "t-arg", environment, FILE) == Connection("arg:1", "t-arg")
    assert resolve(None, None, environment, FILE) == Connection("env:2", "t-env")
    assert resolve(None, None, {}, FILE) == Connection("127.0.0.1:5050", "t-analyst")
    assert resolve(None, None, {}, FILE, administrator=True) == Connection("127.0.0.1:5050", "t-admin")
    assert resolve(None, None, {"SFUMATO_TOKEN": "t-env"}, FILE, administrator=True).token == "t-env"


def test_a_token_of_the_file_goes_to_its_address_only() -> None:
    for environment, target in (({"SFUMATO_TARGET": "elsewhere:443"}, None), ({}, "elsewhere:443")):
        with pytest.raises(sf.NotConfigured, match="no token for elsewhere:443"):
            resolve(target, None, environment, FILE)


@pytest.mark.parametrize("target", ["host", "host:", ":1", "host:0", "host:99999", "host:x", "h" * 600 + ":1"])
def test_what_is_no_address_is_refused(target: str) -> None:
    with pytest.raises(sf.InvalidRequest, match="host:port"):
        resolve(target, "t", {}, None)


NO_LISTS = """
ipv4: ipv4:127.0.0.1:1, ipv4:127.0.0.1 ipv4:localhost:1 ipv4:[::1]:1 ipv6:127.0.0.1:1 unix:/x:1 dns:///
dns://1.1.1.1/mesh:1 ipv4:127.0.0.1:1,127.0.0.1:1@evil.example.org:1 a:1,b:2
"""


@pytest.mark.parametrize("target", NO_LISTS.split())
def test_what_is_no_list_of_addresses_is_refused(target: str) -> None:
    with pytest.raises(sf.InvalidRequest):
        resolve(target, "t", {}, None)


def test_several_gateways_are_one_target() -> None:
    for target in ("ipv4:127.0.0.1:1,127.0.0.1:2", "ipv6:[::1]:1,[::1]:2", "dns:///localhost:1"):
        assert resolve(target, "t", {}, None).is_local
    for target in ("ipv4:127.0.0.1:1,10.0.0.1:2", "ipv4:10.0.0.1:1,127.0.0.1:2", "dns:///mesh.example.org:443"):
        assert not resolve(target, "t", {}, None).is_local


def test_nothing_known_says_what_to_do() -> None:
    with pytest.raises(sf.NotConfigured, match="sfumato up"):
        resolve(None, None, {}, None)
    with pytest.raises(sf.NotConfigured, match="not JSON"):
        resolve(None, None, {}, "{")
    with pytest.raises(sf.InvalidRequest):
        resolve("a:1", "two words", {}, None)
    with pytest.raises(sf.InvalidRequest):
        resolve("a:1", "line\nbreak", {}, None)


def test_only_this_machine_is_called_plainly() -> None:
    for target in ("127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"):
        assert Connection(target, "t").is_local, target
    for target in ("10.0.0.1:1", "example.org:1", "127.0.0.1.example.org:1", "localhost.example.org:1", "0.0.0.0:1"):
        assert not Connection(target, "t").is_local, target


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(Connection("a:1", "secret"))


def test_the_file_is_where_up_writes_it() -> None:
    assert connection_file({}, Path("/home/a")) == Path("/home/a/.config/sfumato/connection.json")
    assert connection_file({"XDG_CONFIG_HOME": "/x"}, Path("/h")) == Path("/x/sfumato/connection.json")
