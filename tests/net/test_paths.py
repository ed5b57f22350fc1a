import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_mcp.errors import UsageError
from ci_mcp.net.paths import check, quote


@pytest.mark.parametrize(
    ("segment", "quoted"),
    [("web", "web"), (42, "42"), ("a/b", "a%2Fb"), ("a..b", "a..b"), ("ü ?#", "%C3%BC%20%3F%23"), ("100%", "100%25")],
)
def test_a_segment_is_encoded_whole(segment: object, quoted: str) -> None:
    """A slash in it does not begin another one."""
    assert quoted == quote(segment)


@pytest.mark.parametrize("segment", ["", ".", "..", " ", "\ud800"])
def test_what_is_no_name_is_a_usage_error(segment: str) -> None:
    """Dots alone would be read as a step up."""
    with pytest.raises(UsageError):
        quote(segment)


@given(st.text(min_size=1, max_size=30))
def test_a_quoted_name_is_one_segment_or_refused(text: str) -> None:
    """Never more than one, and nothing that ends the path."""
    try:
        segment = quote(text)
    except UsageError:
        assert not text.strip(". \t") or any("\ud800" <= char <= "\udfff" for char in text)
        return
    assert not set("/?#\\ ") & set(segment)


@given(st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters=".%"), min_size=1, max_size=30))
def test_a_quoted_name_makes_a_path_that_is_taken(text: str) -> None:
    """Whatever language it is in."""
    path = f"/projects/{quote(text)}/jobs"
    assert path == check(path)


def test_a_path_may_hold_what_paths_hold() -> None:
    """Encoded segments, dots inside names, a slash at the end."""
    for path in ("/", "/api/v1alpha/jobs/1/", "/projects/a..b", "/p/a%2Fb", "/p/@x:y,z"):
        assert path == check(path)
