r"""Any text as LaTeX that pdflatex sets as it reads, in ASCII.

Called by `reports.render.latex`. The fonts of plain LaTeX know Latin letters with their accents,
Greek, and the signs of mathematics; what they do not know becomes a question mark, so that no name
of a study can stop a paper from being set.
"""

from __future__ import annotations

import unicodedata

UNKNOWN = "?"
BREAK = "\N{ZERO WIDTH SPACE}"
"""Where a line may be broken."""

SIGNS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "_": r"\_", "%": r"\%", "~": r"$\sim$", "^": r"\textasciicircum{}",
    "<": "$<$", ">": "$>$", "|": r"\textbar{}", '"': "''", "`": r"\textquoteleft{}",
    "\t": " ", "\n": " ", "\r": " ", BREAK: r"\allowbreak{}", "\N{SOFT HYPHEN}": r"\-",
    "\N{NO-BREAK SPACE}": "~", "\N{NARROW NO-BREAK SPACE}": r"\,", "\N{THIN SPACE}": r"\,",
    "\N{MINUS SIGN}": "$-$", "×": r"$\times$", "±": r"$\pm$", "÷": r"$\div$", "·": r"$\cdot$",
    "≤": r"$\le$", "≥": r"$\ge$", "≠": r"$\ne$", "≈": r"$\approx$", "≡": r"$\equiv$",
    "∞": r"$\infty$", "√": r"$\surd$", "∑": r"$\sum$", "∏": r"$\prod$", "∫": r"$\int$",
    "∂": r"$\partial$", "∇": r"$\nabla$", "∈": r"$\in$", "∀": r"$\forall$", "∃": r"$\exists$",
    "→": r"$\rightarrow$", "←": r"$\leftarrow$", "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    "↔": r"$\leftrightarrow$", "⇒": r"$\Rightarrow$", "⇐": r"$\Leftarrow$",
    "°": r"$^\circ$", "µ": r"$\mu$", "¬": r"$\neg$", "⁄": "/", "•": r"$\bullet$",
    "\N{EN DASH}": "--", "\N{EM DASH}": "---", "\N{HYPHEN}": "-", "\N{NON-BREAKING HYPHEN}": "-",
    "‘": r"\textquoteleft{}", "’": "'", "“": r"\textquotedblleft{}", "”": "''",
    "…": r"\ldots{}", "§": r"$\mathsection$", "¶": r"$\mathparagraph$", "©": "(c)",
    "¡": r"\textexclamdown{}", "¿": r"\textquestiondown{}",
    "ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ø": r"\o{}",
    "Ø": r"\O{}", "ł": r"\l{}", "Ł": r"\L{}", "ı": r"\i{}", "ȷ": r"\j{}",
}  # fmt: skip

ACCENTS = dict(
    zip(
        "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0323\u0327\u0331",
        ("`", "'", "^", "~", "=", "u", ".", '"', "r", "H", "v", "d", "c", "b"),
        strict=True,
    )
)
"""Combining marks, and the commands that set them over or under a letter."""

GREEK = {
    "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma",
    "Υ": "Upsilon", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega", "α": "alpha", "β": "beta", "γ": "gamma",
    "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta", "ι": "iota", "κ": "kappa",
    "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "ς": "varsigma",
    "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega",
}  # fmt: skip
LATIN_LOOKING = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧο", "ABEZHIKMNOPTXo", strict=True))
KNOWN = SIGNS | {letter: rf"$\{name}$" for letter, name in GREEK.items()} | LATIN_LOOKING


def escaped(text: str) -> str:
    r"""`text` as LaTeX in which nothing acts.

    Example:
        >>> escaped("50% off_α"), escaped("naïve − <b>")
        ('50\\% off\\_$\\alpha$', 'na\\"{i}ve $-$ $<$b$>$')
    """
    pieces: list[str] = []
    for char in unicodedata.normalize("NFC", text):
        piece = _set(char)
        if pieces and piece and piece[0] in "-'" and pieces[-1].endswith(piece[0]):
            piece = "{}" + piece  # two of them would run together into a dash or a quote
        pieces += [piece] if piece else []
    return "".join(pieces)


def _set(char: str) -> str:
    """One character; nothing for marks that are not seen."""
    if char in KNOWN:
        return KNOWN[char]
    if char.isascii() and char.isprintable():
        return char
    category = unicodedata.category(char)
    if category == "Zs":
        return " "
    if category == "Cf" or category.startswith("M"):
        return ""
    return _taken_apart(char)


def _taken_apart(char: str) -> str:
    """A character that Unicode makes of others: a letter with accents, an index, a ligature."""
    kind, *_ = unicodedata.decomposition(char).split() or [""]
    parts = unicodedata.normalize("NFKD" if kind.startswith("<") else "NFD", char)
    if parts == char:
        return UNKNOWN
    if kind == "<super>":
        return rf"\textsuperscript{{{escaped(parts)}}}"
    if kind == "<sub>":
        return rf"\textsubscript{{{escaped(parts)}}}"
    if kind.startswith("<"):
        return escaped(parts)
    letter, marks = parts[0], parts[1:]
    # One accent at most: these fonts set a second one beside the first.
    accent = next((ACCENTS[mark] for mark in marks if mark in ACCENTS), None)
    return rf"\{accent}{{{letter}}}" if accent and letter.isascii() else _set(letter)
