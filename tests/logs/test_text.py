"""What a reader sees of one line's bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_mcp.logs import text
from ci_mcp.logs.text import LIMIT, LongLine, clean_line, clean_lines, clean_text, cut_note, is_plain

ESC = "\x1b"
VISIBLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
SEQUENCES = st.sampled_from(
    [
        f"{ESC}[31m",
        f"{ESC}[0m",
        f"{ESC}[1;32m",
        f"{ESC}[K",
        f"{ESC}[2K",
        f"{ESC}]0;title\x07",
        f"{ESC}]8;;https://example.com{ESC}\\",
        f"{ESC}_bk;t=1700000000000\x07",
        f"{ESC}Pq#0{ESC}\\",
        f"{ESC}(B",
        f"{ESC}7",
        "\x9b1m",
        "\x00",
        "\x07",
        "\x08",
        "\x7f",
        "\x85",
        "\u200b",
        "\ufeff",
        "\ufe0f",
        "\U000e0041",
    ]
)


@pytest.mark.parametrize(
    ("shown", "raw"),
    [
        ("", b""),
        ("    indented\ttab", b"    indented\ttab"),
        ("error", b"er\x1b[31mror\x1b[0m"),
        ("text after", b"text \x1b_bk;t=1700000000000\x07after"),
        ("done", b"10%\r50%\r\x1b[Kdone\r"),
        ("error: no cart", b"[=====>   ] 80%\r\x1b[2K\x1b[1Gerror: no cart"),
        ("100%", b"10%\r100%\r   \r\x1b[K"),
        ("line", b"line\r\r"),
        ("   ", b"   "),
        ("Run make", b"2024-05-01T10:00:00.1234567Z Run make"),
        ("", b"2024-05-01T10:00:00.1234567Z"),
        ("    deep", b"\xef\xbb\xbf2024-05-01T10:00:00.1234567Z     deep"),
        ("2024-05-01T10:00:00.123Z ours", b"2024-05-01T10:00:00.123Z ours"),
        ("text", b"2024-05-01T10:00:00.123456Z 01O text"),
        ("caf\u00e9 \ufffd", b"caf\xc3\xa9 \xff"),
        ("abc", b"a\x00b\x00c\x00"),
        ("a b", b"a\x0cb"),
        ("a<U+202E>b", "a\u202eb".encode()),
        ("a<U+2028>b", "a\u2028b".encode()),
        ("ab", "a\U000e0062\u200bb".encode()),
        ("[31", b"\x1b[31"),
        ("0;never ends", b"\x1b]0;never ends"),
        ("link", b"\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\"),
    ],
)
def test_a_line_shows_what_a_reader_may_see(shown: str, raw: bytes) -> None:
    """Sequences go, the last visible frame stays, what changes how text reads is spelled out."""
    assert shown == clean_line(raw)


@given(st.lists(st.tuples(VISIBLE, SEQUENCES), max_size=8))
def test_no_visible_character_is_lost(parts: list[tuple[str, str]]) -> None:
    """Whatever sequences stand between and inside words, every visible character stays, in order."""
    raw = "".join(visible + sequence for visible, sequence in parts).encode()
    assert "".join(visible for visible, _ in parts) == clean_line(raw)


@given(st.binary(max_size=200))
def test_any_bytes_become_printable_text(raw: bytes) -> None:
    """No control character and no line break is left, and the same bytes always give the same text."""
    raw = raw.replace(b"\n", b"")
    shown = clean_line(raw)
    assert [shown] == shown.splitlines() or not shown
    assert not [char for char in shown if char != "\t" and (ord(char) < 32 or 127 <= ord(char) < 160)]


@given(st.text(max_size=50))
def test_clean_text_stays_as_it_is(words: str) -> None:
    """Cleaning what is clean changes nothing."""
    once = clean_text(words.replace("\r", ""))
    assert once == clean_text(once)


def test_a_run_of_string_openings_is_read_in_linear_time() -> None:
    """Sixty thousand openings of a string that never ends: each is dropped, the text stays."""
    assert "x" * 10 == clean_text("\x1b]" * 30_000 + "\x9d" * 30_000 + "x" * 10)


def test_a_long_line_is_cut_and_says_so() -> None:
    """The first LIMIT bytes stay, the count of the rest is in the text, no character is cut in half."""
    assert f"{'a' * LIMIT} [5 bytes of this line cut]" == clean_line(b"a" * (LIMIT + 5))
    assert f"{'a' * (LIMIT - 1)} [4 bytes of this line cut]" == cut_note(b"a" * (LIMIT - 1) + b"\xc3", 3)


@given(
    st.lists(
        st.sampled_from([b"\r", b"a" * 40, b"   ", b"\x1b[K", b"end", b"\x00", b"2024-05-01T10:00:00.1234567Z "]),
        max_size=12,
    ),
    st.integers(1, 70),
)
def test_a_line_too_long_to_hold_shows_the_same(parts: list[bytes], size: int) -> None:
    """Fed in chunks of any size it gives what the whole line gives."""
    raw = b"".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "LIMIT", 50)
        line = LongLine()
        for at in range(0, len(raw), size):
            line.feed(raw[at : at + size])
        assert clean_line(raw) == line.text()


@given(st.lists(st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"")), max_size=10))
def test_many_lines_are_cleaned_like_each_one(lines: list[bytes]) -> None:
    """The short way for plain lines gives the same as the long way."""
    raw = b"".join(line + b"\n" for line in lines)
    assert [clean_line(line) for line in lines] == clean_lines(raw)


@pytest.mark.parametrize(
    ("plain", "raw"),
    [
        (True, b"plain\ttext\n"),
        (False, b"2024-05-01T10:00:00.1234567Z x\n"),
        (False, b"\x1b[0m\n"),
        (False, b"caf\xe9\n"),
        (False, b"a" * (LIMIT + 1) + b"\n"),
        (True, b"a" * 1000 + b"\n" + b"b\n" * LIMIT),
    ],
)
def test_plain_lines_need_no_cleaning(plain: bool, raw: bytes) -> None:
    """Anything that cleaning would change is not plain."""
    assert plain == is_plain(raw)
