def test_whole_name():
    pass


def test_part_of_a_name():
    raise AssertionError("no product was found")
