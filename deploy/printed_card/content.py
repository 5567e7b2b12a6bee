"""What stands on the card. The text and the page to print say the same words."""

import textwrap
from dataclasses import dataclass
from typing import Final

from crypto.card import LineCard
from crypto.onion_card import OnionCard
from deploy.onion_card_commands import lasting
from store.clock import date_of

SUBTITLE: Final = "A reporting line that you reach with Tor Browser"
_WIDTH: Final = 72

REACH: Final = (
    "Get Tor Browser. Type torproject.org into the address bar yourself; do not follow a link or an advertisement to it."
    " Who watches your connection can see that you use Tor.",
    "Type the address above into Tor Browser. If you scan the printed code instead, open what it says in Tor Browser:"
    " another browser cannot, and when it tries, your network may learn what you looked for.",
    "Compare all seven groups with the address that Tor Browser shows. An address that begins alike is another address.",
)
CHECK: Final = (
    "The first page shows the eight words on this card. If one differs, leave: it is another line. The same words alone"
    " prove nothing, because anybody can copy them. Compare the address too.",
    "Whoever helps you with computers can check the signed block below with Luwte and with this line's card, line.card:"
    " luwte-intake verify-card FILE --line-card FILE. Nothing but the block is signed.",
)
KEEP: Final = ("Whoever finds this card with you knows that you know this line. If that is dangerous, do not keep it.",)


@dataclass(frozen=True)
class CardContent:
    """A verified onion card, and the line that signed it."""

    line: LineCard
    onion: OnionCard

    @property
    def name(self) -> str:
        return self.line.name

    @property
    def made(self) -> str:
        return f"Signed on {date_of(self.onion.day)}. {lasting(self.onion)}"

    @property
    def sections(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Headings, each with its sentences."""
        return ("How to reach it", REACH), ("How to check it", CHECK), ("Keep in mind", KEEP)

    @property
    def address_note(self) -> str:
        return "56 letters and digits: a to z and 2 to 7. There is no 0, 1, 8 or 9."


def as_text(content: CardContent) -> str:
    """The whole card as plain text; `luwte-intake verify-card` reads it."""
    groups, words = content.onion.address.groups, content.line.fingerprint
    parts = [content.name, SUBTITLE, ""]
    parts += ["Address:", f"    {' '.join(groups[:4])}", f"    {' '.join(groups[4:])}.onion", content.address_note]
    parts += ["To copy it whole:", f"    {content.onion.address.url}", ""]
    parts += ["The line's eight words:", f"    {' '.join(words[:4])}", f"    {' '.join(words[4:])}", ""]
    for heading, sentences in content.sections:
        parts += [heading, *("\n".join(textwrap.wrap(f"- {one}", _WIDTH, subsequent_indent="  ")) for one in sentences)]
        parts.append("")
    return "\n".join([*parts, content.made, "", content.onion.text])
