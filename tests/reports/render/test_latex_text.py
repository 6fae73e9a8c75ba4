"""Any text as LaTeX."""

from __future__ import annotations

import unicodedata

import pytest

from reports.render.latex_text import escaped


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        (r"\{}$&#_%", r"\textbackslash{}\{\}\$\&\#\_\%"),
        ("~^<>|", r"$\sim$\textasciicircum{}$<$$>$\textbar{}"),
        ("50% off", r"50\% off"),
        ("−0.27 × 2", r"$-$0.27 $\times$ 2"),
        ("61\N{NARROW NO-BREAK SPACE}706, 95\N{NO-BREAK SPACE}%", r"61\,706, 95~\%"),
        ("ω²", r"$\omega$\textsuperscript{2}"),
        ("x₁ → ∞", r"x\textsubscript{1} $\rightarrow$ $\infty$"),
        ("naïve Ångström", r"na\"{i}ve \r{A}ngstr\"{o}m"),
        ("ế Ἀ ά", r"\^{e} A $\alpha$"),
        ("ﬁne ½ Ⅳ", "fine 1/2 IV"),
        ("日本 🙂 Ж", "?? ? ?"),
        ("a\u202eb\u200dc", "abc"),
        ("a\x00b\x1bc", "a?b?c"),
        ("a\nb\tc", "a b c"),
        ("\ud800", "?"),
        ("a--b 'c'' \N{EN DASH}-", "a-{}-b 'c'{}' --{}-"),
        ('a`b"c', r"a\textquoteleft{}b''c"),
        ("", ""),
    ],
)
def test_a_text_is_set_as_it_reads(text, latex):
    assert escaped(text) == latex


def test_every_character_becomes_printable_ascii():
    for number in range(0x11000):
        set_as = escaped(chr(number))
        assert set_as.isascii(), hex(number)
        assert set_as.isprintable(), hex(number)


def test_letters_are_left_as_they_are():
    plain = "".join(map(chr, range(32, 127)))
    letters = [char for char in plain if unicodedata.category(char) in ("Lu", "Ll", "Nd")]
    assert escaped("".join(letters)) == "".join(letters)
