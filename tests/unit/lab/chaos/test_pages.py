"""What pages are made of."""

from gigaday.lab.chaos.pages import Html, html, mark, table


def test_texts_are_escaped_and_html_is_not():
    made = table(["a <b>"], [["1 < 2", Html("<i>x</i>"), mark(False)]])
    assert "a &lt;b&gt;" in made and "1 &lt; 2" in made and "<i>x</i>" in made and 'class="no"' in made


def test_a_page_has_its_title_twice():
    assert html("A & B", "<p>c</p>").count("A &amp; B") == 2
