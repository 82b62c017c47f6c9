def test_wrong_password():
    pass


def test_expired_session():
    raise AssertionError("the cookie of an expired session is accepted")
