"""The catalogue of the language that the current page is in, for Flask-Babel."""

from gettext import NullTranslations

from flask_babel import Domain

from source_interface.catalogues import catalogues
from source_interface.services import visit


class _PageTexts(Domain):
    def get_translations(self) -> NullTranslations:
        return catalogues()[visit().language.tag].translations


def page_texts() -> Domain:
    """What Flask-Babel asks for the texts of the page that answers the current request."""
    return _PageTexts()  # type: ignore[no-untyped-call]  # its parent tells no types
