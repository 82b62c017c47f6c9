import sys
import subprocess


def textkit(*arguments, text=""):
    command = [sys.executable, "-m", "textkit", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def test_counts_standard_input():
    assert textkit(text="one two\n") == "lines: 1\nwords: 2\ncharacters: 8\n"


def test_counts_a_file(tmp_path):
    file = tmp_path / "text"
    file.write_text("one")
    assert "words: 1\n" in textkit(str(file))
