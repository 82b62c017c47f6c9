from textkit.counting import count_lines, count_words, longest_words


def test_lines_are_counted():
    assert count_lines("one\ntwo\n") == 2


def test_words_are_counted():
    assert count_words("one two three") == 3


def test_words_may_have_any_space_between_them():
    assert count_words("one  two\nthree\tfour\n") == 4


def test_an_empty_text_has_no_words():
    assert count_words("") == 0


def test_the_longest_words_come_first():
    assert longest_words("a three word text", 2) == ["three", "word"]
