"""The fields of the questions below the message, as HTML.

With nothing answered they are the same for everybody: that is written at the start, once in each language that is offered. What
somebody answered is written for that one page.
"""

from collections.abc import Iterable, Mapping

from jinja2 import Template
from markupsafe import Markup

from source_interface.filling import Filled
from source_interface.languages import Language
from source_interface.questions import Questions


class QuestionForm:
    """The questions that are asked, in the languages that are offered."""

    def __init__(self, template: Template, asked: Questions, languages: Iterable[Language]) -> None:
        self._template, self._asked = template, asked
        self._empty = {language.tag: self._write(language, Filled(asked), {}) for language in languages}

    def html(self, language: Language, filled: Filled, texts: Mapping[str, str]) -> Markup:
        """With these answers; `texts` are the free ones, as far as they are given back."""
        return self._write(language, filled, texts) if filled else self._empty[language.tag]

    def _write(self, language: Language, filled: Filled, texts: Mapping[str, str]) -> Markup:
        html = self._template.render(questions=self._asked, language=language, filled=filled, texts=texts)
        return Markup(html)  # noqa: S704 - a template escapes what it is given
