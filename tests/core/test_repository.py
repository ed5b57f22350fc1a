import pytest

from ci_mcp.core import repository


@pytest.mark.parametrize(
    "url",
    [
        "git@github.com:Acme/shop.git",
        "github.com:acme/shop",
        "ssh://git@github.com/acme/shop.git",
        "ssh://git@github.com:22/acme/shop",
        "https://github.com/acme/shop",
        "https://ada@github.com/acme/shop.git/",
        "http://GitHub.com/acme/shop",
    ],
)
def test_every_form_of_a_repository_is_the_same(url: str) -> None:
    """An ssh remote and an https address name one repository."""
    assert "github.com/acme/shop" == repository.normal(url)
    assert "shop" == repository.name(url)


@pytest.mark.parametrize("text", ["shop", "", "/srv/git/shop.git", "https://", "https://[::1/x", "the web shop"])
def test_what_is_no_repository_is_empty(text: str) -> None:
    """A folder, a word and a broken address are not compared."""
    assert "" == repository.normal(text)
    assert "" == repository.name(text)
