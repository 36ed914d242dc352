"""Characters that show nothing where they stand, which hide a phrase from whoever searches for it.

The ranges of `DEFAULT_IGNORABLE` are the code points with the property Default_Ignorable_Code_Point
in DerivedCoreProperties.txt of Unicode 14.0: zero-width characters, soft hyphen, directional marks,
Hangul fillers, variation selectors, tags, and what is reserved beside them. `ANNOTATIONS` and
`CONTROLS` are not among them and show nothing either.
"""

DEFAULT_IGNORABLE = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5),
    (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
"""First and last code points of the ranges, in order."""

ANNOTATIONS = ((0xFFF9, 0xFFFB),)
"""Marks around an interlinear annotation."""

CONTROLS = ((0x00, 0x08), (0x0E, 0x1B), (0x7F, 0x7F))
"""ASCII control characters but white space, separators and line breaks.

Those from U+0080 are nearly always Windows-1252 read as Latin-1: they stood for something.
"""


def character_class(*groups: tuple[tuple[int, int], ...]) -> str:
    """The ranges as the inside of a character class of `re`."""
    return "".join(
        chr(low) if low == high else f"{chr(low)}-{chr(high)}"
        for ranges in groups
        for low, high in ranges
    )
