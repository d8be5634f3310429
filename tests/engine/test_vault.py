import base64
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError, StoreError
from engine.vault import Vault, mask, masked

KEY = bytes(range(32))


@given(st.text(), st.text(max_size=40))
def test_a_sealed_text_opens_to_what_it_was(text, shown):
    vault = Vault(KEY)
    sealed = vault.seal(text, shown=shown)
    assert vault.unseal(sealed) == text
    assert masked(sealed) == shown.replace(":", "")


def test_sealing_twice_gives_different_texts():
    vault = Vault(KEY)
    assert vault.seal("secret") != vault.seal("secret")


def test_another_key_or_a_changed_mask_cannot_open_it():
    sealed = Vault(KEY).seal("secret", shown="s***")
    for vault, text in ((Vault(bytes(32)), sealed), (Vault(KEY), sealed.replace("s***", "t***"))):
        with pytest.raises(StoreError, match="cannot be opened") as caught:
            vault.unseal(text)
        assert "secret" not in str(caught.value)


def test_the_key_file_is_made_for_its_owner_only(tmp_path):
    path = tmp_path / "key"
    sealed = Vault.open(path).seal("x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Vault.open(path).unseal(sealed) == "x"


def test_a_key_file_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "key"
    Vault.open(path)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        Vault.open(path)


def test_the_environment_goes_before_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("CHANNELMEND_KEY", base64.b64encode(KEY).decode())
    assert Vault.open(tmp_path / "absent").unseal(Vault(KEY).seal("x")) == "x"
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("text", ["not base64!", base64.b64encode(b"short").decode()])
def test_a_malformed_key_is_named(text, tmp_path, monkeypatch):
    monkeypatch.setenv("CHANNELMEND_KEY", text)
    with pytest.raises(ConfigError, match="key"):
        Vault.open(tmp_path / "absent")


def test_nothing_shows_the_key():
    assert "hidden" in repr(Vault(KEY))


@given(st.text(min_size=6).map(str.strip).filter(lambda t: len(t) >= 6 and "@" not in t))
def test_a_mask_hides_the_middle(text):
    assert mask(text)[2:-2] == "*" * min(len(text) - 4, 7)
