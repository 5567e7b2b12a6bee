"""Which requests get any memory: waitress reads a body before the application is asked whether it wants it."""

from waitress.parser import HTTPRequestParser, ParsingError

from journalist_interface.desk.gatekeeper import Gatekeeper


def parser_for(keeper: Gatekeeper) -> type[HTTPRequestParser]:
    """Refuses a body to any path outside the root, which other local users can't draw: theirs would fill the memory."""

    class GuardedParser(HTTPRequestParser):  # type: ignore[misc]  # waitress ships no types
        def parse_header(self, header_plus: bytes) -> None:
            super().parse_header(header_plus)
            if (self.content_length or self.chunked) and not keeper.leads_to_root(self.path):
                raise ParsingError("no form is sent there")

    return GuardedParser
